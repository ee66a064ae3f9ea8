#include "scripts/deadlock/deadlock_evidence.h"

#include "scripts/deadlock/lock_functions.h"

#include <fmt/format.h>

#include <algorithm>

namespace stakeout {
namespace {

double seconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e9; }

std::uint64_t since(std::uint64_t now, std::uint64_t then) { return now > then ? now - then : 0; }

TaskName name_in(const Situation& situation, const TaskName& task) {
    const auto found = situation.tasks.find(task.tid);
    return found != situation.tasks.end() && !found->second.name.comm.empty() ? found->second.name : task;
}

const TaskNow* task_in(const Situation& situation, std::uint32_t tid) {
    const auto found = situation.tasks.find(tid);
    return found == situation.tasks.end() ? nullptr : &found->second;
}

bool is_scheduler(const Frame& frame) {
    return frame.symbol.find("schedule") != std::string::npos ||
           frame.symbol.find("context_switch") != std::string::npos;
}

void add_stack(Evidence& to, std::string title, const std::vector<Frame>& frames, bool user) {
    if (!frames.empty()) to.stacks.push_back({std::move(title), frames, user, 0});
}

void add_place(Evidence& to, const Frame* frame) {
    if (frame == nullptr) return;
    to.facts.push_back({"function", frame->symbol});
    if (frame->file.empty()) return;
    to.facts.push_back({"file", frame->file});
    to.facts.push_back({"line", std::int64_t{frame->line}});
}

void add_task(Evidence& to, const TaskName& task, const Lock& lock) {
    to.facts.push_back({"lock", lock.name});
    to.facts.push_back({"tid", std::uint64_t{task.tid}});
    to.facts.push_back({"pid", std::uint64_t{task.pid}});
    to.facts.push_back({"comm", task.comm});
}

const Frame* taken_at(const Lock& lock, const Holding& holding) {
    return taker_in(lock.kind, holding.kernel_stack, holding.user_stack);
}

// Where a member of a circle asks for the lock it cannot get.
const Frame* asks_at(const Trouble::Member& member, const Situation& situation) {
    const TaskNow* task = task_in(situation, member.tid);
    if (task == nullptr || member.waits_for == nullptr) return nullptr;
    return taker_in(member.waits_for->lock.kind, task->kernel_stack, task->user_stack);
}

std::string held_for(const Holding& holding, std::uint64_t now) {
    return fmt::format("{}{:.1f} s", holding.seen ? "" : "at least ", seconds(since(now, holding.since_ns)));
}

std::string circle_sentence(const Trouble& trouble, const Situation& situation) {
    std::string text;
    for (std::size_t i = 0; i < trouble.members.size(); ++i) {
        const Trouble::Member& member = trouble.members[i];
        const std::string task = label(name_in(situation, member.holding->task));
        const std::string taken = taken_where(member.holds->lock, *member.holding);
        text += i == 0 ? fmt::format("{} holds {}, {}, and waits for {}", task, member.holds->lock.name,
                                     taken, member.waits_for->lock.name)
                       : fmt::format(", held by {}, {}, which waits for {}", task, taken,
                                     member.waits_for->lock.name);
    }
    return text;
}

Evidence holder_evidence(const LockNow& lock, const Holding& holding, const Situation& situation) {
    const TaskName task = name_in(situation, holding.task);
    Evidence evidence;
    evidence.kind = "holder";
    evidence.says = task.tid == 0 && !lock.holder_has_ended
                        ? fmt::format("somebody whose taking it was not seen holds {}", lock.lock.name)
                        : fmt::format("{} holds {}{} for {}, {}", label(task), lock.lock.name,
                                      holding.shared ? " as a reader" : "",
                                      held_for(holding, situation.time_ns), taken_where(lock.lock, holding));
    if (lock.holder_has_ended)
        evidence.says += "; it does not exist any more";
    else if (const TaskNow* now = task_in(situation, task.tid); now != nullptr)
        evidence.says += "; it " + doing_now(*now, situation);
    if (!holding.certain) evidence.says += " (probably: writes came too close together to tell)";
    if (holding.seen) evidence.hits = {holding.hit};
    add_task(evidence, task, lock.lock);
    evidence.facts.push_back({"held_seconds", seconds(since(situation.time_ns, holding.since_ns))});
    evidence.facts.push_back({"since_ns", holding.since_ns});
    evidence.facts.push_back({"acquisition_seen", holding.seen});
    evidence.facts.push_back({"certain", holding.certain});
    evidence.facts.push_back({"shared", holding.shared});
    evidence.facts.push_back({"exists", !lock.holder_has_ended});
    add_place(evidence, taken_at(lock.lock, holding));
    const bool user = !is_kernel_kind(lock.lock.kind);
    add_stack(evidence, "took it", user ? holding.user_stack : holding.kernel_stack, user);
    if (const TaskNow* now = task_in(situation, task.tid); now != nullptr) {
        add_stack(evidence, "now", now->kernel_stack, false);
        add_stack(evidence, "now", now->user_stack, true);
    }
    return evidence;
}

Evidence waiter_evidence(const LockNow& lock, const Waiter& waiter, const Situation& situation,
                         const WaitingSince& waiting_since) {
    Evidence evidence;
    evidence.kind = "waiter";
    const TaskNow* now = task_in(situation, waiter.tid);
    const TaskName task = now != nullptr ? now->name : TaskName{waiter.tid, 0, "?"};
    const char* how = !has_readers(lock.lock.kind) ? "" : waiter.shared ? " to read" : " to write";
    evidence.says = fmt::format("{} waits for {}{}", label(task), lock.lock.name, how);
    const Frame* at = now != nullptr ? taker_in(lock.lock.kind, now->kernel_stack, now->user_stack) : nullptr;
    if (at != nullptr) evidence.says += " in " + describe(*at);
    const auto began = waiting_since.find({lock.lock.address, waiter.tid});
    add_task(evidence, task, lock.lock);
    if (began != waiting_since.end()) {
        const double waited = seconds(since(situation.time_ns, began->second));
        evidence.says += fmt::format(", for at least {:.1f} s", waited);
        evidence.facts.push_back({"waited_seconds_at_least", waited});
    }
    if (waiter.timed) evidence.says += ", with a time limit";
    evidence.facts.push_back({"shared", waiter.shared});
    evidence.facts.push_back({"timed", waiter.timed});
    add_place(evidence, at);
    if (now == nullptr) return evidence;
    add_stack(evidence, "now", now->kernel_stack, false);
    add_stack(evidence, "now", now->user_stack, true);
    return evidence;
}

Evidence lock_evidence(const LockNow& lock) {
    Evidence evidence;
    evidence.kind = "lock";
    evidence.says =
        fmt::format("{}: a {} at {:#x}{}, its word is {:#x}, {} waiting", lock.lock.name,
                    to_word(lock.lock.kind), lock.lock.address,
                    lock.lock.given ? "" : ", found by following who waits", lock.word, lock.waiters.size());
    evidence.facts = {{"lock", lock.lock.name},
                      {"lock_kind", std::string(to_word(lock.lock.kind))},
                      {"address", lock.lock.address},
                      {"word", lock.word},
                      {"held", lock.state.held()},
                      {"readers", lock.state.readers},
                      {"waiters", std::uint64_t{lock.waiters.size()}},
                      {"given", lock.lock.given}};
    return evidence;
}

Evidence order_evidence(OrderSeen seen, Observer& observer) {
    Evidence evidence;
    observer.complete(seen.second_taken);
    const Frame* where = taker_in(seen.kind, seen.second_taken.kernel_stack, seen.second_taken.user_stack);
    evidence.kind = "order";
    evidence.says = fmt::format("{}, then {}: {} times, first by {} in {}", seen.first, seen.second,
                                seen.times, label(seen.second_taken.task),
                                where != nullptr ? describe(*where) : "a function without a name");
    evidence.hits = {seen.hit};
    evidence.facts = {{"first", seen.first}, {"second", seen.second}, {"times", seen.times}};
    add_place(evidence, where);
    return evidence;
}

} // namespace

Culprit culprit_of(const Frame* frame, const TaskName& task, std::string why) {
    Culprit culprit;
    if (frame != nullptr) {
        culprit.function = frame->symbol;
        culprit.module = frame->module;
        culprit.file = frame->file;
        culprit.line = frame->line;
    }
    culprit.comm = task.comm;
    culprit.pid = task.pid;
    culprit.tid = task.tid;
    culprit.why = std::move(why);
    return culprit;
}

std::string taken_where(const Lock& lock, const Holding& holding) {
    if (!holding.seen) return "taken at a place that was not seen";
    const Frame* frame = taken_at(lock, holding);
    return frame != nullptr ? "taken in " + describe(*frame) : "taken at a place without a symbol";
}

std::string doing_now(const TaskNow& task, const Situation& situation) {
    if (!task.state.lives()) return "has ended";
    if (const LockNow* lock = situation.waited_for_by(task.name.tid); lock != nullptr)
        return "waits for " + lock->lock.name;
    if (task.state.state == 'R') return fmt::format("runs on CPU {}", task.state.cpu);
    const auto sleep = std::find_if(task.kernel_stack.begin(), task.kernel_stack.end(),
                                    [](const Frame& frame) { return !is_scheduler(frame); });
    std::string text = sleep != task.kernel_stack.end() ? "sleeps in " + sleep->symbol : "sleeps";
    if (const Frame* from = taker_in(LockKind::PthreadMutex, {}, task.user_stack); from != nullptr)
        text += ", called from " + describe(*from);
    return text;
}

std::string sentence_of(const Trouble& trouble, const Situation& situation) {
    const Trouble::Member& first = trouble.members.front();
    const std::string task = label(name_in(situation, first.holding->task));
    const std::string taken = taken_where(first.holds->lock, *first.holding);
    const std::string& lock = first.holds->lock.name;
    switch (trouble.kind) {
    case Trouble::Kind::Cycle:
        return "deadlock: " + circle_sentence(trouble, situation);
    case Trouble::Kind::SelfDeadlock:
        return fmt::format("deadlock: {} holds {}, {}, and waits for it itself", task, lock, taken);
    case Trouble::Kind::ExitedHolder:
        return fmt::format("{} held by a task that has ended: {}, {}, never released it; {} waiting", lock,
                           task, taken, first.holds->waiters.size());
    case Trouble::Kind::StarvedWriter: {
        const TaskNow* writer = task_in(situation, trouble.starved->tid);
        return fmt::format(
            "a writer starves: {} has waited {:.1f} s for {}, which readers hold; the oldest of them, {}, {} "
            "{:.1f} s ago",
            writer != nullptr ? label(writer->name) : "a task", seconds(trouble.waited_ns), lock, task, taken,
            seconds(since(situation.time_ns, first.holding->since_ns)));
    }
    case Trouble::Kind::HeldTooLong:
        break;
    }
    const TaskNow* now = task_in(situation, first.tid);
    return fmt::format("held too long: {} has held {} for {}, {}, while {} wait{}; it {}", task, lock,
                       held_for(*first.holding, situation.time_ns), taken, first.holds->waiters.size(),
                       first.holds->waiters.size() == 1 ? "s" : "",
                       now != nullptr ? doing_now(*now, situation) : "is gone");
}

std::vector<Culprit> culprits_of(const Trouble& trouble, const Situation& situation) {
    std::vector<Culprit> culprits;
    for (const Trouble::Member& member : trouble.members) {
        const TaskName task = name_in(situation, member.holding->task);
        const bool circle =
            trouble.kind == Trouble::Kind::Cycle || trouble.kind == Trouble::Kind::SelfDeadlock;
        const Frame* frame = circle ? asks_at(member, situation) : nullptr;
        if (frame == nullptr) frame = taken_at(member.holds->lock, *member.holding);
        std::string why = circle ? fmt::format("asked for {} while holding {}", member.waits_for->lock.name,
                                               member.holds->lock.name)
                                 : fmt::format("took {} and did not give it back", member.holds->lock.name);
        if (trouble.kind == Trouble::Kind::Cycle)
            why += member.order_seen == 0 ? ", an order not seen before"
                                          : fmt::format(", an order seen {} times before", member.order_seen);
        culprits.push_back(culprit_of(frame, task, std::move(why)));
    }
    return culprits;
}

std::vector<Evidence> evidence_of(const Situation& situation, const LockOrder& order,
                                  const WaitingSince& waiting_since, Observer& observer) {
    std::vector<Evidence> all;
    for (const LockNow& lock : situation.locks) {
        Evidence evidence = lock_evidence(lock);
        for (const Holding& holding : lock.holders)
            evidence.under.push_back(holder_evidence(lock, holding, situation));
        for (const Waiter& waiter : lock.waiters)
            evidence.under.push_back(waiter_evidence(lock, waiter, situation, waiting_since));
        all.push_back(std::move(evidence));
    }
    for (const OrderSeen& seen : order.seen()) all.push_back(order_evidence(seen, observer));
    return all;
}

Evidence evidence_of(const Lock& lock, const LongHolding& over) {
    Evidence evidence;
    evidence.kind = "holder";
    evidence.says =
        fmt::format("{} held {} for {:.1f} s, {}", label(over.holding.task), lock.name,
                    seconds(over.released_ns - over.holding.since_ns), taken_where(lock, over.holding));
    evidence.hits = {over.holding.hit};
    add_task(evidence, over.holding.task, lock);
    evidence.facts.push_back({"held_seconds", seconds(over.released_ns - over.holding.since_ns)});
    const bool user = !is_kernel_kind(lock.kind);
    const Frame* at = taken_at(lock, over.holding);
    add_place(evidence, at);
    add_stack(evidence, "took it", user ? over.holding.user_stack : over.holding.kernel_stack, user);
    for (const Holding& waiter : over.waiters) {
        Evidence one;
        one.kind = "waiter";
        one.says = fmt::format("{} waited for it", label(waiter.task));
        one.hits = {waiter.hit};
        add_task(one, waiter.task, lock);
        add_stack(one, "waited", user ? waiter.user_stack : waiter.kernel_stack, user);
        evidence.under.push_back(std::move(one));
    }
    return evidence;
}

} // namespace stakeout
