// A watch on the hit program's own maps would strike the hit program: refused.
#pragma once

#include "base/result.h"
#include "loader/hit_program.h"
#include "watchpoints/target/target.h"

#include <span>

namespace stakeout {

// `program` must have been loaded with tell_own_memory. Kernel targets only.
Status check_not_own_memory(std::span<const Target> targets, const HitProgram& program);

} // namespace stakeout
