// Where the running kernel keeps what is read of its locks and of the tasks that wait for them, from BTF.
#pragma once

#include "scripts/deadlock/lock_kind.h"
#include "watchpoints/target/kernel_types.h"

#include <cstdint>
#include <optional>

namespace stakeout {

struct KernelLayout {
    // A list of waiters, and what is in it: struct mutex with mutex_waiter and so on. Absent: this kernel
    // keeps it another way, and its waiters are not told.
    struct Waiters {
        std::uint64_t lock_size = 0;
        std::uint64_t wait_list = 0;       // in the lock
        std::uint64_t list = 0;            // in the waiter
        std::uint64_t task = 0;            // in the waiter
        std::optional<std::uint64_t> type; // rwsem_waiter.type: enum rwsem_waiter_type, 0 waits to write
    };
    std::optional<Waiters> mutex, rwsem, semaphore;
    [[nodiscard]] const std::optional<Waiters>& of(LockKind kind) const;

    std::optional<std::uint64_t> mutex_owner, rwsem_count, rwsem_owner;
    std::optional<std::uint64_t> semaphore_lock, semaphore_count;
    std::optional<std::uint64_t> task_pid, task_tgid, task_comm,
        task_sp;                                 // sp: task_struct.thread.sp, where it left off
    std::optional<std::uint64_t> registers_size; // struct pt_regs
    std::optional<std::uint64_t>
        blocked_on; // task_struct.blocked_on: CONFIG_DEBUG_MUTEXES, and everywhere from Linux 6.17
};

// Error: CannotArm, no BTF.
Result<KernelLayout> load_kernel_layout();

} // namespace stakeout
