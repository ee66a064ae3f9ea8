#include "scripts/deadlock/trouble.h"

#include "scripts/deadlock/wait_graph.h"

#include <fmt/format.h>

#include <algorithm>

namespace stakeout {
namespace {

std::string id_of(std::uint32_t tid) { return fmt::format("task {}", tid); }
std::string id_of(const Lock& lock) { return fmt::format("lock {:#x}", lock.address); }

const Holding* same_holding(const LockNow* lock, const Holding& wanted) {
    if (lock == nullptr) return nullptr;
    for (const Holding& holding : lock->holders)
        if (holding.task.tid == wanted.task.tid && holding.hit == wanted.hit &&
            holding.owner == wanted.owner && holding.seen == wanted.seen)
            return &holding;
    return nullptr;
}

bool waits_in(const LockNow* lock, const Waiter& wanted) {
    if (lock == nullptr) return false;
    return std::any_of(lock->waiters.begin(), lock->waiters.end(),
                       [&](const Waiter& w) { return w.tid == wanted.tid; });
}

class Search {
  public:
    explicit Search(const Question& question) : q_(question) {}

    std::vector<Trouble> run() {
        for (const LockNow& lock : q_.now.locks) exited_holder(lock);
        circles();
        for (const LockNow& lock : q_.now.locks) starved_writer(lock);
        for (const LockNow& lock : q_.now.locks) held_too_long(lock);
        std::stable_sort(found_.begin(), found_.end(),
                         [](const Trouble& a, const Trouble& b) { return a.kind < b.kind; });
        return std::move(found_);
    }

  private:
    [[nodiscard]] const LockNow* before(const LockNow& lock) const { return q_.before.at(lock.lock.address); }
    [[nodiscard]] bool lasts(const LockNow& lock, const Holding& holding) const {
        return holding.certain && same_holding(before(lock), holding) != nullptr;
    }

    void exited_holder(const LockNow& lock) {
        const LockNow* earlier = before(lock);
        if (!lock.holder_has_ended || earlier == nullptr || !earlier->holder_has_ended) return;
        if (lock.holders.empty() || !same_holding(earlier, lock.holders.front())) return;
        add(Trouble::Kind::ExitedHolder, lock, lock.holders.front());
    }

    // A graph of what was so in both looks. Who waits with a time limit will go on some day.
    void circles() {
        WaitGraphBuilder lasting;
        for (const LockNow& lock : q_.now.locks) {
            lasting.lock(id_of(lock.lock), lock.lock.name);
            for (const Holding& holding : lock.holders) {
                if (!lasts(lock, holding) || holding.task.tid == 0) continue;
                lasting.task(id_of(holding.task.tid), {});
                lasting.held_by(id_of(lock.lock), id_of(holding.task.tid));
            }
        }
        for (const LockNow& lock : q_.now.locks)
            for (const Waiter& waiter : lock.waiters)
                if (!waiter.timed && waits_in(before(lock), waiter))
                    lasting.waits_for(id_of(waiter.tid), id_of(lock.lock));
        for (const std::vector<std::string>& cycle : cycles_of(lasting.build())) circle(cycle);
    }

    // task, lock it waits for, task that holds it, ...
    void circle(const std::vector<std::string>& ids) {
        Trouble trouble;
        trouble.kind = ids.size() == 2 ? Trouble::Kind::SelfDeadlock : Trouble::Kind::Cycle;
        for (std::size_t i = 0; i < ids.size(); i += 2) {
            const LockNow* holds = lock_of(ids[(i + ids.size() - 1) % ids.size()]);
            const LockNow* waits_for = lock_of(ids[i + 1]);
            if (holds == nullptr || waits_for == nullptr) return;
            for (const Holding& holding : holds->holders)
                if (id_of(holding.task.tid) == ids[i])
                    trouble.members.push_back({holding.task.tid, holds, waits_for, &holding,
                                               q_.order.times(holds->lock.name, waits_for->lock.name)});
        }
        if (trouble.members.empty()) return;
        // Begin with the order that was seen least: that one closes the circle. The sequence stays.
        const auto against = std::min_element(trouble.members.begin(), trouble.members.end(),
                                              [](const auto& a, const auto& b) {
                                                  return std::pair(a.order_seen, ~a.holding->since_ns) <
                                                         std::pair(b.order_seen, ~b.holding->since_ns);
                                              });
        std::rotate(trouble.members.begin(), against, trouble.members.end());
        found_.push_back(std::move(trouble));
    }

    const LockNow* lock_of(const std::string& id) const {
        for (const LockNow& lock : q_.now.locks)
            if (id_of(lock.lock) == id) return &lock;
        return nullptr;
    }

    void starved_writer(const LockNow& lock) {
        if (!has_readers(lock.lock.kind) || lock.state.readers == 0) return;
        for (const Waiter& waiter : lock.waiters) {
            if (waiter.shared || waiter.timed) continue;
            const auto since = q_.waiting_since.find({lock.lock.address, waiter.tid});
            if (since == q_.waiting_since.end() || q_.now.time_ns < since->second + q_.limit_ns) continue;
            const Holding* oldest = nullptr;
            for (const Holding& holding : lock.holders)
                if (holding.certain && holding.task.tid != 0 &&
                    (oldest == nullptr || holding.since_ns < oldest->since_ns))
                    oldest = &holding;
            if (oldest == nullptr) continue;
            add(Trouble::Kind::StarvedWriter, lock, *oldest);
            found_.back().starved = &waiter;
            found_.back().waited_ns = q_.now.time_ns - since->second;
            return;
        }
    }

    void held_too_long(const LockNow& lock) {
        const bool awaited = std::any_of(lock.waiters.begin(), lock.waiters.end(),
                                         [&](const Waiter& w) { return waits_in(before(lock), w); });
        if (!awaited) return;
        for (const Holding& holding : lock.holders)
            if (lasts(lock, holding) && holding.task.tid != 0 &&
                q_.now.time_ns >= holding.since_ns + q_.limit_ns)
                add(Trouble::Kind::HeldTooLong, lock, holding);
    }

    void add(Trouble::Kind kind, const LockNow& lock, const Holding& holding) {
        Trouble trouble;
        trouble.kind = kind;
        trouble.members = {{holding.task.tid, &lock, q_.now.waited_for_by(holding.task.tid), &holding, 0}};
        found_.push_back(std::move(trouble));
    }

    const Question& q_;
    std::vector<Trouble> found_;
};

} // namespace

std::string_view to_word(Trouble::Kind kind) {
    switch (kind) {
    case Trouble::Kind::ExitedHolder:
        return "exited_holder";
    case Trouble::Kind::SelfDeadlock:
        return "self_deadlock";
    case Trouble::Kind::Cycle:
        return "cycle";
    case Trouble::Kind::StarvedWriter:
        return "starved_writer";
    case Trouble::Kind::HeldTooLong:
        break;
    }
    return "held_too_long";
}

std::vector<Trouble> find_trouble(const Question& question) { return Search(question).run(); }

WaitGraph graph_of(const Situation& situation) {
    WaitGraphBuilder graph;
    for (const auto& [tid, task] : situation.tasks) graph.task(id_of(tid), label(task.name));
    for (const LockNow& lock : situation.locks)
        graph.lock(id_of(lock.lock), fmt::format("{} ({})", lock.lock.name, to_word(lock.lock.kind)));
    for (const LockNow& lock : situation.locks) {
        for (const Waiter& waiter : lock.waiters) graph.waits_for(id_of(waiter.tid), id_of(lock.lock));
        for (const Holding& holding : lock.holders) graph.held_by(id_of(lock.lock), id_of(holding.task.tid));
    }
    return graph.build();
}

} // namespace stakeout
