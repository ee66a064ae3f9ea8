// Free debug registers of a CPU.
#pragma once

#include "base/result.h"

#include <cstdint>

namespace stakeout {

// Found by taking them for a moment, without hitting anything. Error: CannotArm (permission).
Result<int> free_slots(std::uint32_t cpu);

} // namespace stakeout
