// Addresses -> debug-register slots. A slot covers 1, 2, 4 or 8 bytes, aligned to its length; a CPU has four.
// A plan covers exactly the bytes asked for: a byte more would trap accesses nobody asked about, a byte less
// would miss some.
#pragma once

#include "base/result.h"
#include "watchpoints/target/target.h"

#include <cstdint>
#include <span>
#include <vector>

namespace stakeout {

enum class AccessKind {
    Write,
    ReadWrite,
    Read,
    Execute
}; // Read is armed as ReadWrite: x86 cannot trap reads alone

struct Slot {
    std::uint64_t address = 0; // per-CPU variables: offset from the CPU's base
    std::uint32_t length = 0;
    std::size_t target = 0; // index
    bool operator==(const Slot&) const = default;
};

inline constexpr std::size_t slots_per_cpu = 4;

// The fewest aligned slots that cover [address, address + size): at most four, else the list is what it would
// take.
std::vector<Slot> cover(std::uint64_t address, std::uint64_t size, std::size_t target);

// Slots of all targets. Error (CannotArm): more than four are needed, with how many and for what.
Result<std::vector<Slot>> plan_slots(std::span<const Target> targets, AccessKind kind);

} // namespace stakeout
