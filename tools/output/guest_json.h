// The parts of the JSON format that only a Xen guest's watch has (docs/json.md).
#pragma once

#include "base/json_writer.h"
#include "tools/output/json_parts.h"
#include "watchpoints/arm/watch.h"

namespace stakeout {

void add_guest_armed(Json& record, const ArmedGuest& guest);
// `guest`, and `pid`, `tid`, `comm` where the task is known.
void write_guest_who(JsonWriter& line, const Hit& hit);

} // namespace stakeout
