// Which frames of a stack belong to the lock itself: the function that took a lock is the first one that does
// not.
#pragma once

#include "scripts/deadlock/lock_kind.h"
#include "watchpoints/hit/hit.h"

#include <optional>
#include <span>
#include <string_view>

namespace stakeout {

// A function of the kernel's or the C and C++ libraries' locking code; for raw futexes also one that says so
// by its name
// ("lock_queue").
bool is_lock_function(LockKind kind, const Frame& frame);
// The innermost frame outside; null: there is none.
const Frame* taker_in(LockKind kind, std::span<const Frame> kernel_stack, std::span<const Frame> user_stack);

enum class LockCall { Unknown, Exclusive, Shared, Release };
// What the locking functions on the stack do: tells a reader's arrival from a release where the value does
// not.
LockCall call_in(std::span<const Frame> stack);
// The same of a semaphore, whose inner spinlock both down() and up() take and give back: Unknown for the
// giving back, which tells nothing of the semaphore itself.
LockCall semaphore_call_in(std::span<const Frame> stack);

// Does the frame put its caller to sleep for a lock (the kernel's own locks)? "__mutex_lock",
// "rwsem_down_read_slowpath".
std::optional<LockKind> sleeps_for(std::string_view function);

} // namespace stakeout
