#include "scripts/deadlock/deadlock_recipe.h"

#include "base/monotonic_clock.h"
#include "scripts/deadlock/deadlock_evidence.h"
#include "scripts/deadlock/lock_targets.h"

#include <algorithm>
#include <thread>

extern "C" const char stakeout_deadlock_script[], stakeout_deadlock_script_end[]; // cmake/embed.cmake

namespace stakeout {
namespace {

using namespace std::chrono_literals;

constexpr auto between_looks = 30ms;                    // of one report, at least
constexpr std::uint64_t waiters_every_ns = 200'000'000; // how often who waits is looked at, at most

ScriptPlan stack_script() {
    ScriptPlan plan;
    plan.name = "deadlock";
    plan.object.assign(stakeout_deadlock_script, stakeout_deadlock_script_end);
    return plan;
}

std::uint64_t ns(std::chrono::nanoseconds time) { return static_cast<std::uint64_t>(time.count()); }

} // namespace

Result<std::unique_ptr<DeadlockRecipe>> DeadlockRecipe::prepare(const DeadlockRule& rule,
                                                                WatchRequest& request) {
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor
    std::unique_ptr<DeadlockRecipe> recipe(new DeadlockRecipe());
    recipe->rule_ = rule;
    recipe->process_ = request.process;
    auto layout = load_kernel_layout();
    if (!layout) return std::move(layout).error();
    recipe->layout_ = *layout;
    const auto pid = request.process ? std::optional(request.process->pid) : std::nullopt;
    auto locks = locks_of(request.targets, rule.kind, pid, recipe->layout_);
    if (!locks) return std::move(locks).error();
    auto peek = KernelPeek::load();
    if (!peek) return std::move(peek).error();
    recipe->peek_ = std::move(*peek);
    recipe->observer_ = std::make_unique<Observer>(*recipe->peek_, recipe->layout_, pid);
    recipe->on_demand_ = std::make_unique<OnDemand>(rule.read_stdin);
    recipe->make_histories(std::move(*locks));
    if (pid) request.script = stack_script();
    return recipe;
}

void DeadlockRecipe::make_histories(std::vector<Lock> locks) {
    for (Lock& lock : locks) {
        const LockKind kind = lock.kind;
        histories_.emplace_back(
            std::move(lock),
            [this, kind](std::uint64_t owner, std::uint32_t expected) {
                return observer_->name_owner(kind, owner, expected);
            },
            ns(rule_.held_longer_than));
        const LockHistory& history = histories_.back();
        histories_.back().on_taken = [this, &history](const Hit& hit) {
            order_.add(history.lock(), hit, histories_);
        };
    }
}

// A watch that is armed after a lock was taken sees nothing of the taking: the word tells.
void DeadlockRecipe::on_armed(const Armed& armed) {
    armed_ = armed;
    const std::uint64_t now = monotonic_ns();
    bool held = false;
    for (LockHistory& history : histories_) {
        const auto word = observer_->word_of(history.lock());
        if (!word) continue;
        history.begin(*word, now);
        held = held || decode(history.lock().kind, *word).held();
    }
    if (!held) return;
    auto situation = observer_->look(histories_, true);
    if (!situation) return;
    std::erase_if(situation->locks, [](const LockNow& lock) { return !lock.state.held(); });
    if (situation->locks.empty()) return;
    held_when_armed_.emplace();
    held_when_armed_->kind = "held_when_armed";
    held_when_armed_->says = "held already when the watch was armed; how it was taken was not seen";
    held_when_armed_->under = evidence_of(*situation, {}, {}, *observer_);
}

void DeadlockRecipe::on_hit(const Hit& hit) {
    if (hit.target_index < histories_.size()) histories_[hit.target_index].add(hit);
}

void DeadlockRecipe::on_summary(const Summary& summary) {
    if (summary.ended_by != EndedBy::Target && !culprit_) look_a_last_time();
    if (auto past = examine_past()) keep(*past);
    summary_ = summary;
    summarised_ = true;
}

// Who waits, and since when: without this a writer that starves could not be told from one that just came.
void DeadlockRecipe::follow_waiters(std::uint64_t now) {
    auto situation = observer_->look(histories_, false);
    if (!situation) return;
    WaitingSince still;
    for (const LockNow& lock : situation->locks)
        for (const Waiter& waiter : lock.waiters) {
            const std::pair key(lock.lock.address, waiter.tid);
            const auto known = waiting_since_.find(key);
            std::uint64_t since = known != waiting_since_.end() ? known->second : now;
            // It got the lock in between, and waits anew.
            for (const LockHistory& history : histories_)
                if (history.lock().address == key.first && history.last_taken_by(key.second) > since)
                    since = now;
            still.emplace(key, since);
        }
    waiting_since_ = std::move(still);
}

// Has a holder had its lock for longer than the limit with somebody behind it, or does it not exist any more?
bool DeadlockRecipe::is_due(std::uint64_t now) {
    if (now < next_look_ns_) return false;
    next_look_ns_ =
        now + std::min(waiters_every_ns, std::max<std::uint64_t>(ns(rule_.held_longer_than) / 4, 50'000'000));
    bool awaited = false, due = false;
    for (LockHistory& history : histories_) {
        const Lock& lock = history.lock();
        const auto word = observer_->word_of(lock);
        if (!word) continue;
        history.compare(*word, now);
        const WordState state = decode(lock.kind, *word);
        if (!state.held()) continue;
        for (const Holding& holder : history.holders()) {
            if (told_.contains({lock.address, holder.task.tid, holder.hit})) continue;
            const bool ended =
                names_owner(lock.kind) && holder.task.tid != 0 && !state_of(holder.task.tid).lives();
            due = due || ended ||
                  (now >= holder.since_ns + ns(rule_.held_longer_than) && observer_->may_have_waiters(lock));
        }
        if (has_readers(lock.kind)) awaited = awaited || state.contended || state.writer_waits;
    }
    if (awaited) {
        follow_waiters(now);
        for (const auto& [key, since] : waiting_since_)
            due = due ||
                  (now >= since + ns(rule_.held_longer_than) && !told_.contains({key.first, key.second, 0}));
    }
    return due;
}

bool DeadlockRecipe::tick(const ReportDiagnosis& report) {
    if (report_) return continue_report(report);
    const std::uint64_t now = monotonic_ns();
    if (const bool asked = on_demand_->asked(); asked || is_due(now)) {
        begin_report(asked, now);
        return true;
    }
    if (auto past = examine_past()) {
        keep(*past);
        if (rule_.once) return false;
        report(*past);
    }
    return true;
}

void DeadlockRecipe::begin_report(bool asked, std::uint64_t now) {
    auto before = observer_->look(histories_, false);
    if (before) report_ = Report{asked, now, std::move(*before), std::nullopt};
}

bool DeadlockRecipe::continue_report(const ReportDiagnosis& report) {
    if (monotonic_ns() < report_->before.time_ns + ns(between_looks)) return true;
    if (!report_->now) {
        if (auto now = observer_->look(histories_, true))
            report_->now = std::move(*now);
        else
            report_.reset();
        return true;
    }
    name_readers(*report_->now);
    auto diagnosis = judge(*report_);
    const double took = static_cast<double>(monotonic_ns() - report_->began_ns) / 1e9;
    report_.reset();
    if (!diagnosis) return true;
    diagnosis->covered.facts.push_back({"report_seconds", took});
    const bool culprit = diagnosis->verdict == Verdict::Culprit;
    if (culprit) keep(*diagnosis);
    if (culprit && rule_.once) return false; // conclude() tells it
    report(*diagnosis);
    return true;
}

// Readers come and go while a look is taken, and hits reach us later than they happen: who read at the moment
// of the second look is settled afterwards, by the hits' own times, however long it took.
void DeadlockRecipe::name_readers(Situation& now) {
    for (LockNow& lock : now.locks) {
        if (!has_readers(lock.lock.kind) || lock.state.readers == 0) continue;
        const auto known = std::find_if(histories_.begin(), histories_.end(), [&](const LockHistory& one) {
            return one.lock().address == lock.lock.address;
        });
        if (known == histories_.end()) continue;
        std::vector<Holding> readers = known->readers_at(lock.read_ns);
        // Counted for a moment only, before it had to wait.
        std::erase_if(readers, [&](const Holding& reader) {
            return std::any_of(lock.waiters.begin(), lock.waiters.end(),
                               [&](const Waiter& waiter) { return waiter.tid == reader.task.tid; });
        });
        const bool too_many = readers.size() > lock.state.readers;
        for (Holding& reader : readers) {
            reader.certain = reader.certain && !too_many;
            observer_->complete(reader);
        }
        lock.holders = std::move(readers);
    }
}

// The hits that came since the second look: nobody in question has given up its lock or got the one that it
// waited for. Readers that starve a writer may have left meanwhile: others have come in their place, or the
// writer would have got in.
bool DeadlockRecipe::still_so(const Trouble& trouble) const {
    if (trouble.starved != nullptr) return still_starved(trouble);
    return std::all_of(trouble.members.begin(), trouble.members.end(),
                       [this](const Trouble::Member& member) { return still_held(member); });
}

bool DeadlockRecipe::still_held(const Trouble::Member& member) const {
    const Holding& wanted = *member.holding;
    return std::none_of(histories_.begin(), histories_.end(), [&](const LockHistory& history) {
        if (history.lock().address != member.holds->lock.address) return false;
        return std::none_of(history.holders().begin(), history.holders().end(), [&](const Holding& h) {
            const bool same = names_owner(history.lock().kind) && wanted.owner != 0
                                  ? h.owner == wanted.owner
                                  : h.task.tid == wanted.task.tid;
            return same && h.certain && (!wanted.seen || h.hit == wanted.hit);
        });
    });
}

bool DeadlockRecipe::still_starved(const Trouble& trouble) const {
    const Lock& lock = trouble.members.front().holds->lock;
    const auto since = waiting_since_.find({lock.address, trouble.starved->tid});
    if (since == waiting_since_.end()) return false;
    return std::none_of(histories_.begin(), histories_.end(), [&](const LockHistory& history) {
        return history.lock().address == lock.address &&
               history.last_taken_by(trouble.starved->tid) > since->second;
    });
}

bool DeadlockRecipe::is_told(const Trouble& trouble) {
    bool is_new = false;
    for (const Trouble::Member& member : trouble.members)
        is_new = told_.insert({member.holds->lock.address, member.holding->task.tid, member.holding->hit})
                     .second ||
                 is_new;
    if (trouble.starved != nullptr)
        is_new =
            told_.insert({trouble.members.front().holds->lock.address, trouble.starved->tid, 0}).second ||
            is_new;
    return !is_new;
}

// What stands still at the end is told even if the limit is not over yet. There are no hits any more that
// could tell of a change, so only locks whose own words name their holders are judged.
void DeadlockRecipe::look_a_last_time() {
    const bool all_named = std::all_of(histories_.begin(), histories_.end(), [](const LockHistory& history) {
        return names_owner(history.lock().kind);
    });
    if (!all_named) return;
    begin_report(false, monotonic_ns());
    if (!report_) return;
    std::this_thread::sleep_for(between_looks);
    if (auto now = observer_->look(histories_, true)) {
        report_->now = std::move(*now);
        if (auto last = judge(*report_)) keep(*last);
    }
    report_.reset();
}

} // namespace stakeout
