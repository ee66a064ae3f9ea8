// The value a target has when a watch is armed, before the first hit.
#pragma once

#include "loader/kernel_peek.h"
#include "watchpoints/hit/hit.h"
#include "watchpoints/target/target.h"

#include <cstdint>
#include <optional>

namespace stakeout {

// Reads kernel memory through `kernel`, or process memory when `process` is given (process_vm_readv: traps
// nothing).
std::optional<Value> read_value(const Target& target, std::uint32_t cpu, const KernelPeek* kernel,
                                const std::optional<WatchedProcess>& process);

} // namespace stakeout
