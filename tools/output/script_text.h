// What a script says, as text.
#pragma once

#include "watchpoints/hit/hit.h"

#include <string>
#include <string_view>

namespace stakeout {

// Lines of fields and of memory (as a dump), each behind `indent`.
void append_script(std::string& to, const ScriptSays& says, std::string_view indent);

// The dump of one piece of memory.
void append_snapshot(std::string& to, const Snapshot& snapshot, std::string_view indent);

} // namespace stakeout
