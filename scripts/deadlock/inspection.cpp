#include "scripts/deadlock/inspection.h"

#include "base/monotonic_clock.h"
#include "scripts/deadlock/kernel_waits.h"
#include "scripts/deadlock/lock_targets.h"

#include <fmt/format.h>

#include <algorithm>

namespace stakeout {
namespace {

constexpr std::size_t most_locks = 32;             // of one chain: beyond, something is read wrong
constexpr std::uint64_t rwsem_owner_flags = 3;     // kernel/locking/rwsem.c: reader-owned, non-spinnable
constexpr std::uint64_t rwlock_writer_offset = 24; // pthread_rwlock_t.__data.__cur_writer

} // namespace

Situation Inspection::run(const std::deque<LockHistory>& histories) {
    now_.time_ns = monotonic_ns();
    if (stacks_) c_.unwinder.notice_new_libraries();
    read_futex_waits();
    for (const LockHistory& history : histories) given_lock(history);
    // now_.locks grows while it is gone through.
    for (std::size_t i = 0; i < now_.locks.size() && i < most_locks; ++i) {
        const std::vector<Holding> holders = now_.locks[i].holders;
        for (const Holding& holder : holders) follow(holder.task.tid);
    }
    describe_tasks();
    return std::move(now_);
}

void Inspection::given_lock(const LockHistory& history) {
    LockNow lock = read(history.lock());
    name_holders(lock, history.holders());
    if (stacks_)
        for (Holding& holding : lock.holders) c_.words.complete(holding);
    add_waiters(lock, &history);
    check_readers(lock);
    now_.locks.push_back(std::move(lock));
}

// More names than readers: some have left meanwhile, or were counted for a moment only before they had to
// wait.
void Inspection::check_readers(LockNow& lock) {
    if (!has_readers(lock.lock.kind) || lock.state.writer || lock.holders.size() <= lock.state.readers)
        return;
    std::erase_if(lock.holders, [&](const Holding& holding) {
        return std::any_of(lock.waiters.begin(), lock.waiters.end(),
                           [&](const Waiter& waiter) { return waiter.tid == holding.task.tid; });
    });
    if (lock.holders.size() == lock.state.readers) return;
    for (Holding& holding : lock.holders) holding.certain = false;
}

void Inspection::read_futex_waits() {
    if (!c_.pid) return;
    for (const std::uint32_t tid : c_.tasks.threads_of(static_cast<std::uint32_t>(*c_.pid)))
        if (const auto call = sleeping_call(tid))
            if (const auto wait = futex_wait_in(*call)) futex_waits_.emplace(tid, *wait);
}

LockNow Inspection::read(const Lock& lock) const {
    LockNow now;
    now.lock = lock;
    now.word = c_.words.word_of(lock).value_or(0);
    now.read_ns = monotonic_ns();
    now.state = decode(lock.kind, now.word);
    return now;
}

// The holder by the lock's own memory; 0: the memory does not say.
std::uint64_t Inspection::owner_in(const LockNow& lock) const {
    if (names_owner(lock.lock.kind)) return lock.state.owner;
    if (!lock.state.writer) return 0;
    if (lock.lock.kind == LockKind::PthreadRwlock)
        return read_process_word(c_.pid.value_or(0), lock.lock.address + rwlock_writer_offset, 4).value_or(0);
    std::uint64_t owner = 0;
    if (lock.lock.kind == LockKind::Rwsem && c_.layout.rwsem_owner)
        (void)c_.peek.read_word(lock.lock.address + *c_.layout.rwsem_owner, owner);
    return owner & ~rwsem_owner_flags;
}

bool Inspection::has_ended(const LockNow& lock, const Holding& holder) const {
    if (holder.owner == 0) return false;
    const so_task* task = is_kernel_kind(lock.lock.kind)
                              ? c_.tasks.by_address(holder.owner)
                              : c_.tasks.by_tid(static_cast<std::uint32_t>(holder.owner));
    if (task == nullptr) return true;
    // A thread id that went to another process since.
    if (!is_kernel_kind(lock.lock.kind) && task->tgid != static_cast<std::uint32_t>(c_.pid.value_or(0)))
        return true;
    // A task_struct whose memory became another task's.
    if (holder.seen && task->tid != holder.task.tid) return true;
    return !state_of(task->tid).lives();
}

void Inspection::name_holders(LockNow& lock, const std::vector<Holding>& seen) const {
    if (!lock.state.held()) return;
    const std::uint64_t owner = owner_in(lock);
    if (owner == 0) {
        lock.holders = seen;
        return;
    }
    const so_task* task = is_kernel_kind(lock.lock.kind) ? c_.tasks.by_address(owner)
                                                         : c_.tasks.by_tid(static_cast<std::uint32_t>(owner));
    for (const Holding& holding : seen)
        if (holding.owner == owner || (task != nullptr && holding.task.tid == task->tid))
            lock.holders = {holding};
    if (lock.holders.empty()) {
        Holding unseen;
        unseen.task = task != nullptr ? name_of(*task) : TaskName{static_cast<std::uint32_t>(owner), 0, "?"};
        if (task == nullptr && is_kernel_kind(lock.lock.kind)) unseen.task.tid = 0;
        unseen.since_ns = now_.time_ns;
        lock.holders = {std::move(unseen)};
    }
    lock.holders.front().owner = owner;
    lock.holder_has_ended = has_ended(lock, lock.holders.front());
}

void Inspection::add_waiters(LockNow& lock, const LockHistory* history) {
    if (!is_kernel_kind(lock.lock.kind)) {
        add_futex_waiters(lock);
        return;
    }
    for (const KernelWaiter& waiter : waiters_of(lock.lock.kind, lock.lock.address, c_.peek, c_.layout))
        if (const so_task* task = c_.tasks.by_address(waiter.task); task != nullptr)
            lock.waiters.push_back({task->tid, waiter.shared, false});
    // Spinners are in no list: those that have marked the word as contended and have not got it yet.
    if (lock.lock.kind != LockKind::Spinlock || history == nullptr || !lock.state.contended) return;
    for (const auto& [tid, contender] : history->contenders())
        if (c_.tasks.by_tid(tid) != nullptr) lock.waiters.push_back({tid, false, false});
}

void Inspection::add_futex_waiters(LockNow& lock) {
    for (const auto& [tid, wait] : futex_waits_) {
        if (wait.address < lock.lock.address || wait.address >= lock.lock.address + lock.lock.size) continue;
        Waiter waiter{tid, false, wait.timed};
        if (lock.lock.kind == LockKind::PthreadRwlock)
            if (const so_task* task = c_.tasks.by_tid(tid); task != nullptr)
                waiter.shared = wants_to_read(lock.lock, user_stack(*task));
        lock.waiters.push_back(waiter);
    }
}

std::optional<Lock> Inspection::lock_waited_for(std::uint32_t tid) const {
    if (const auto futex = futex_waits_.find(tid); futex != futex_waits_.end())
        return lock_behind(futex->second, *c_.pid);
    const so_task* task = c_.tasks.by_tid(tid);
    if (task == nullptr || state_of(tid).state == 'R') return std::nullopt;
    const auto wait = kernel_wait_of(*task, c_.tasks, c_.peek, c_.layout, [this](std::uint64_t address) {
        return c_.symboliser.kernel_frame(address, true).symbol;
    });
    if (!wait) return std::nullopt;
    auto lock = lock_at(fmt::format("{:#x}", wait->lock), wait->kind, wait->lock, c_.layout);
    if (!lock) return std::nullopt;
    if (const Frame& named = c_.symboliser.kernel_frame(wait->lock, false);
        !named.symbol.empty() && named.offset == 0)
        lock->name = named.symbol;
    lock->given = false;
    return std::move(*lock);
}

// The lock that a holder waits for itself, unless it is known already.
void Inspection::follow(std::uint32_t tid) {
    if (tid == 0 || now_.waited_for_by(tid) != nullptr) return;
    const auto lock = lock_waited_for(tid);
    if (!lock || now_.at(lock->address) != nullptr) return;
    LockNow found = read(*lock);
    name_holders(found, {});
    add_waiters(found, nullptr);
    now_.locks.push_back(std::move(found));
}

std::vector<Frame> Inspection::user_stack(const so_task& task) {
    std::vector<Frame> frames;
    const std::vector<std::uint64_t> ips = c_.unwinder.unwind(task);
    frames.reserve(ips.size());
    for (std::size_t i = 0; i < ips.size(); ++i)
        frames.push_back(c_.symboliser.user_frame(task.tgid, ips[i], i > 0));
    return frames;
}

void Inspection::describe(const TaskName& name) {
    if (name.tid == 0 || now_.tasks.contains(name.tid)) return;
    TaskNow task;
    const so_task* found = c_.tasks.by_tid(name.tid);
    task.name = found != nullptr ? name_of(*found) : name;
    task.state = state_of(name.tid);
    if (stacks_ && found != nullptr) {
        task.kernel_stack = kernel_stack_of(name.tid);
        if (found->mm != 0) task.user_stack = user_stack(*found);
    }
    now_.tasks.emplace(name.tid, std::move(task));
}

void Inspection::describe_tasks() {
    for (const LockNow& lock : now_.locks) {
        for (const Holding& holder : lock.holders) describe(holder.task);
        for (const Waiter& waiter : lock.waiters) describe({waiter.tid, 0, {}});
    }
}

} // namespace stakeout
