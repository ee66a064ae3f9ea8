// The parts of the text format that only a Xen guest's watch has.
#pragma once

#include "watchpoints/arm/watch.h"

#include <string>
#include <vector>

namespace stakeout {

[[nodiscard]] std::vector<std::string> guest_armed_lines(const Armed& armed);
// "web1 vCPU 1  postgres  pid 120  tid 121"; what is not known is left out.
[[nodiscard]] std::string guest_who(const Hit& hit);
// "  (8 bytes, guest-physical 0x2a079c0, linear 0xffffffff82a079c0; values read later)"
[[nodiscard]] std::string guest_place(const Hit& hit);
[[nodiscard]] std::string guest_registers(const Hit& hit); // lines, or nothing
[[nodiscard]] std::string guest_summary(const Summary::Guest& guest);

} // namespace stakeout
