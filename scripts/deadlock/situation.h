// The present state of the locks and of the tasks around them, as it is found by looking: who holds, who
// waits, and what the holders wait for themselves, lock by lock until nobody waits any further.
#pragma once

#include "scripts/deadlock/lock_history.h"
#include "scripts/deadlock/task_table.h"
#include "scripts/deadlock/user_unwinder.h"
#include "watchpoints/hit/symboliser.h"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace stakeout {

struct TaskNow {
    TaskName name;
    TaskState state;
    std::vector<Frame> kernel_stack, user_stack; // empty: it runs, or they were not asked for
};

struct Waiter {
    std::uint32_t tid = 0;
    bool shared = false; // it wants to read
    bool timed = false;  // it gives up after a time
};

struct LockNow {
    Lock lock;
    std::uint64_t word = 0;
    std::uint64_t read_ns = 0; // when the word was read
    WordState state;
    std::vector<Holding> holders;
    std::vector<Waiter> waiters;
    bool holder_has_ended = false; // the owner that the word names does not exist any more
};

struct Situation {
    std::uint64_t time_ns = 0;
    std::vector<LockNow> locks;             // the given ones first, in their order
    std::map<std::uint32_t, TaskNow> tasks; // all holders and waiters, by thread id

    [[nodiscard]] const LockNow* waited_for_by(std::uint32_t tid) const;
    [[nodiscard]] const LockNow* at(std::uint64_t lock_address) const;
};

class Observer {
  public:
    // `pid`: whose memory user locks are in. What is passed by reference must outlive it.
    Observer(const KernelPeek& peek, const KernelLayout& layout, std::optional<int> pid);

    // One look; with `stacks` the tasks' present ones. Error: the kernel does not tell its tasks.
    Result<Situation> look(const std::deque<LockHistory>& histories, bool stacks);
    // The word of a lock now. Absent: not readable any more.
    [[nodiscard]] std::optional<std::uint64_t> word_of(const Lock& lock) const;
    // Quick: could anybody be waiting, by the lock's own words?
    [[nodiscard]] bool may_have_waiters(const Lock& lock) const;
    // The whole of its user stack, from what was captured with the hit: the function that called the C
    // library, too.
    void complete(Holding& holding);
    // For LockHistory.
    TaskName name_owner(LockKind kind, std::uint64_t owner, std::uint32_t expected_tid);

  private:
    [[nodiscard]] std::uint64_t field(const Lock& lock, std::uint64_t offset, std::uint32_t width) const;
    [[nodiscard]] TaskName read_task(std::uint64_t task) const;

    const KernelPeek& peek_;
    const KernelLayout& layout_;
    std::optional<int> pid_;
    Symboliser symboliser_;
    UserUnwinder unwinder_;
    std::map<std::uint64_t, TaskName> owners_; // of kernel words, by task_struct
};

} // namespace stakeout
