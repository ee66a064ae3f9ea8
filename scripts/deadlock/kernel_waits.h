// Who waits for a lock of the kernel, and which lock a blocked task waits for: read from the kernel's memory
// as it is now.
//
// The lists are read while they change. Every link is checked in both directions, and what does not fit
// together is left out: a waiter may be missing, none is invented.
#pragma once

#include "loader/kernel_peek.h"
#include "scripts/deadlock/kernel_layout.h"
#include "scripts/deadlock/task_table.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

struct KernelWaiter {
    std::uint64_t task = 0; // its task_struct
    bool shared = false;    // it wants to read
};
std::vector<KernelWaiter> waiters_of(LockKind kind, std::uint64_t lock, const KernelPeek& peek,
                                     const KernelLayout& layout);

struct KernelWait {
    LockKind kind = LockKind::Mutex;
    std::uint64_t lock = 0;
    bool shared = false;
};
// The kernel function that holds an address; empty: none.
using SymbolAt = std::function<std::string(std::uint64_t address)>;
// What a task waits for: task_struct.blocked_on where the kernel keeps it, else the waiter on its own kernel
// stack; the function that it sleeps in tells the kind. Absent: it waits for no lock, or for one of another
// kind.
std::optional<KernelWait> kernel_wait_of(const so_task& task, const TaskTable& tasks, const KernelPeek& peek,
                                         const KernelLayout& layout, const SymbolAt& symbol_at);

} // namespace stakeout
