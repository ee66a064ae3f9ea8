// What a script added to a record -> values with names, by the layout of its `struct fields`.
#pragma once

#include "loader/script_fields.h"
#include "watchpoints/hit/hit.h"
#include "watchpoints/hit/raw_record.h"

namespace stakeout {

ScriptSays script_says(const RawExtra& extra, const std::vector<ScriptFieldLayout>& layout);
Look look_of(const RawExtra& extra, const std::vector<ScriptFieldLayout>& layout);

} // namespace stakeout
