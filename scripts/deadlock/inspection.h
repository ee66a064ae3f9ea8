// One look at the locks (situation.h): the steps of it, with what they share.
#pragma once

#include "scripts/deadlock/situation.h"
#include "scripts/deadlock/user_waits.h"

namespace stakeout {

struct InspectionContext {
    const KernelPeek& peek;
    const KernelLayout& layout;
    std::optional<int> pid;
    const TaskTable& tasks;
    Symboliser& symboliser;
    UserUnwinder& unwinder;
    Observer& words;
};

class Inspection {
  public:
    Inspection(InspectionContext context, bool stacks) : c_(context), stacks_(stacks) {}
    Situation run(const std::deque<LockHistory>& histories);

  private:
    void given_lock(const LockHistory& history);
    void read_futex_waits();
    static void check_readers(LockNow& lock);
    LockNow read(const Lock& lock) const;
    void name_holders(LockNow& lock, const std::vector<Holding>& seen) const;
    [[nodiscard]] std::uint64_t owner_in(const LockNow& lock) const;
    [[nodiscard]] bool has_ended(const LockNow& lock, const Holding& holder) const;
    void add_waiters(LockNow& lock, const LockHistory* history);
    void add_futex_waiters(LockNow& lock);
    void follow(std::uint32_t tid);
    [[nodiscard]] std::optional<Lock> lock_waited_for(std::uint32_t tid) const;
    void describe_tasks();
    void describe(const TaskName& name);
    std::vector<Frame> user_stack(const so_task& task);

    InspectionContext c_;
    bool stacks_;
    std::map<std::uint32_t, FutexWait> futex_waits_;
    Situation now_;
};

} // namespace stakeout
