// Who waits for a lock of the kernel, and which lock a blocked task waits for: read from the kernel's memory as it is now.
//
// The lists are read while they change. Every link is checked in both directions, and what does not fit together is left
// out: a waiter may be missing, none is invented.
#pragma once

#include "loader/kernel_peek.h"
#include "scripts/deadlock/kernel_layout.h"
#include "scripts/deadlock/task_table.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace stakeout {

struct KernelWaiter {
    std::uint64_t task = 0; // its task_struct
    bool shared = false;    // it wants to read
};
std::vector<KernelWaiter> waiters_of(LockKind kind, std::uint64_t lock, const KernelPeek& peek, const KernelLayout& layout);

struct KernelWait {
    LockKind kind = LockKind::Mutex;
    std::uint64_t lock = 0;
    bool shared = false;
};
// What a task waits for: task_struct.blocked_on where the kernel keeps it, else the waiter on its own kernel stack. `stack`
// are its frames now, which tell the kind. Absent: it waits for no lock, or for one of another kind.
std::optional<KernelWait> kernel_wait_of(const so_task& task, std::span<const Frame> stack, const TaskTable& tasks,
                                         const KernelPeek& peek, const KernelLayout& layout);

} // namespace stakeout
