// What a deadlock recipe says, of what it has heard and looked at (deadlock_recipe.cpp).
#include "scripts/deadlock/deadlock_evidence.h"
#include "scripts/deadlock/deadlock_recipe.h"
#include "scripts/deadlock/lock_functions.h"
#include "scripts/diagnosis/coverage_evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace stakeout {

// Absent: nothing is wrong, and nobody asked.
std::optional<Diagnosis> DeadlockRecipe::judge(const Report& report) {
    const Situation& now = *report.now;
    const Question question{report.before, now, order_, waiting_since_,
                            static_cast<std::uint64_t>(rule_.held_longer_than.count())};
    std::vector<Trouble> troubles = find_trouble(question);
    std::erase_if(troubles, [&](const Trouble& one) { return !still_so(one); });
    std::erase_if(troubles, [&](const Trouble& one) { return is_told(one) && !report.asked; });
    if (troubles.empty() && !report.asked) return std::nullopt;
    Diagnosis diagnosis = blank();
    diagnosis.evidence = evidence_of(now, order_, waiting_since_, *observer_);
    if (held_when_armed_) diagnosis.evidence.push_back(*held_when_armed_);
    diagnosis.graph = graph_of(now);
    if (troubles.empty()) {
        diagnosis.sentence =
            fmt::format("nobody waits in a circle, and nobody has held {} for longer than {:.1f} s with "
                        "others waiting, at this moment",
                        names(), std::chrono::duration<double>(rule_.held_longer_than).count());
        diagnosis.next = {"keep watching, and ask again (SIGUSR1 or Enter) when it hangs"};
        return diagnosis;
    }
    diagnosis.verdict = Verdict::Culprit;
    diagnosis.kind = to_word(troubles.front().kind);
    diagnosis.sentence = sentence_of(troubles.front(), now);
    diagnosis.culprits = culprits_of(troubles.front(), now);
    for (std::size_t i = 1; i < troubles.size(); ++i) {
        Evidence also;
        also.kind = "also";
        also.says = "also: " + sentence_of(troubles[i], now);
        also.facts = {{"kind", std::string(to_word(troubles[i].kind))}};
        diagnosis.evidence.insert(diagnosis.evidence.begin(), std::move(also));
    }
    return diagnosis;
}

// What was over before anybody could look: as a spinlock that kept every CPU busy.
std::optional<Diagnosis> DeadlockRecipe::examine_past() {
    std::optional<Diagnosis> diagnosis;
    for (LockHistory& history : histories_)
        for (LongHolding& over : history.take_long()) {
            observer_->complete(over.holding);
            for (Holding& waiter : over.waiters) observer_->complete(waiter);
            const Holding& holder = over.holding;
            if (!told_.insert({history.lock().address, holder.task.tid, holder.hit}).second) continue;
            if (!diagnosis) {
                diagnosis = blank();
                diagnosis->verdict = Verdict::Culprit;
                diagnosis->kind = "held_too_long";
                const Frame* at = taker_in(history.lock().kind, holder.kernel_stack, holder.user_stack);
                const double held = static_cast<double>(over.released_ns - holder.since_ns) / 1e9;
                diagnosis->sentence = fmt::format(
                    "held too long: {} held {} for {:.1f} s, {}, {}; it has released it", label(holder.task),
                    history.lock().name, held, taken_where(history.lock(), holder),
                    over.waiters.empty() ? std::string("and its CPU with it")
                                         : fmt::format("while {} waited", over.waiters.size()));
                diagnosis->culprits = {culprit_of(
                    at, holder.task, fmt::format("held {} for {:.1f} s", history.lock().name, held))};
            }
            diagnosis->evidence.push_back(evidence_of(history.lock(), over));
        }
    return diagnosis;
}

void DeadlockRecipe::keep(const Diagnosis& diagnosis) {
    const bool is_grave = diagnosis.kind == to_word(Trouble::Kind::Cycle) ||
                          diagnosis.kind == to_word(Trouble::Kind::SelfDeadlock) ||
                          diagnosis.kind == to_word(Trouble::Kind::ExitedHolder);
    const int gravity = is_grave ? 2 : 1;
    if (culprit_ && gravity <= culprit_gravity_) return;
    culprit_ = diagnosis;
    culprit_gravity_ = gravity;
}

std::string DeadlockRecipe::names() const {
    std::string text;
    for (const LockHistory& history : histories_) text += (text.empty() ? "" : ", ") + history.lock().name;
    return text;
}

Diagnosis DeadlockRecipe::blank() const {
    Diagnosis diagnosis;
    diagnosis.recipe = "deadlock";
    diagnosis.target = names();
    diagnosis.verdict = Verdict::NotEnough;
    diagnosis.covered.kind = "coverage";
    return diagnosis;
}

Diagnosis DeadlockRecipe::nothing_found() const {
    Diagnosis diagnosis = blank();
    std::uint64_t taken = 0;
    for (const LockHistory& history : histories_) {
        taken += history.acquisitions();
        Evidence traffic;
        traffic.kind = "traffic";
        traffic.says = fmt::format("{}: taken {} times, released {} times", history.lock().name,
                                   history.acquisitions(), history.releases());
        traffic.facts = {{"lock", history.lock().name},
                         {"acquisitions", history.acquisitions()},
                         {"releases", history.releases()}};
        diagnosis.evidence.push_back(std::move(traffic));
    }
    const double limit = std::chrono::duration<double>(rule_.held_longer_than).count();
    if (taken != 0 && covered_everything(armed_, summary_)) {
        diagnosis.verdict = Verdict::Clean;
        diagnosis.sentence =
            fmt::format("{} changed hands {} times, nobody held {} for longer than {:.1f} s with others "
                        "waiting, and nobody waited in a circle",
                        names(), taken, histories_.size() == 1 ? "it" : "one of them", limit);
    } else {
        diagnosis.sentence =
            taken == 0 ? fmt::format("nobody took {} while it was watched", names())
                       : fmt::format("nothing was found, but not everything was seen of {}", names());
        diagnosis.next = {taken == 0 ? "watch while the program hangs, or for longer (--ttl)"
                                     : "watch again with --no-brake, or fewer locks"};
    }
    for (const OrderSeen& seen : order_.seen())
        if (order_.times(seen.second, seen.first) != 0 && seen.first < seen.second)
            diagnosis.next.push_back(
                fmt::format("{} and {} are taken in both orders: two tasks doing so at once can "
                            "lock each other out",
                            seen.first, seen.second));
    return diagnosis;
}

Diagnosis DeadlockRecipe::conclude() {
    Diagnosis diagnosis = culprit_ ? std::move(*culprit_) : nothing_found();
    if (!culprit_ && held_when_armed_) diagnosis.evidence.push_back(*held_when_armed_);
    auto facts = std::move(diagnosis.covered.facts);
    diagnosis.covered = coverage_evidence(armed_, summary_);
    for (Fact& fact : facts) diagnosis.covered.facts.push_back(std::move(fact));
    diagnosis.not_covered = coverage_gaps(armed_, summary_);
    return diagnosis;
}

} // namespace stakeout
