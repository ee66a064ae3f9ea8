#include "scripts/refcount/all_of_recipe.h"

#include "base/monotonic_clock.h"

#include <algorithm>

namespace stakeout {
namespace {

// The reader holds hits back for a moment to join them; after that a life has all of its hits.
constexpr std::uint64_t last_hits_ns = 200'000'000;
// Births and frees of that age are known.
constexpr std::uint64_t last_news_ns = 100'000'000;

} // namespace

void AllOfRecipe::use(CountKind kind, std::vector<std::string> not_covered) {
    plan_.kind = kind;
    plan_.not_covered = std::move(not_covered);
    counter_ = std::make_shared<Counter>(kind);
}

void AllOfRecipe::on_life(const ObjectLife& life) {
    Followed followed{life, std::nullopt, std::make_unique<RefcountRecipe>(plan_.kind, counter_)};
    Armed armed = armed_; // of this object alone
    armed.targets.resize(1);
    armed.targets.front().name = plan_.name;
    armed.values = {life.first};
    followed.ledger->on_armed(armed);
    followed_.push_back(std::move(followed));
}

void AllOfRecipe::on_life_end(std::size_t place, const LifeEnd& end) {
    const auto found = std::find_if(followed_.rbegin(), followed_.rend(),
                                    [&](const Followed& f) { return f.life.place == place && !f.end; });
    if (found != followed_.rend()) found->end = end;
}

// What comes between a free and the slot's leaving belongs to whoever has the memory now. The place alone
// does not tell: its next object may be born before it has left the last one.
void AllOfRecipe::sort(const Hit& hit) {
    const auto found = std::find_if(followed_.rbegin(), followed_.rend(), [&](const Followed& f) {
        return f.life.place == hit.target_index && hit.address == f.life.counter &&
               hit.time_ns >= f.life.born_ns && (!f.end || hit.time_ns <= f.end->time_ns);
    });
    if (found != followed_.rend()) found->ledger->on_hit(hit);
}

void AllOfRecipe::sort_hits_before(std::uint64_t ns) {
    while (!waiting_.empty() && waiting_.front().time_ns <= ns) {
        sort(waiting_.front());
        waiting_.pop_front();
    }
}

void AllOfRecipe::on_summary(const Summary& summary) {
    summary_ = summary;
    for (Followed& followed : followed_)
        if (!followed.end) followed.end = LifeEnd{LifeEnd::How::WatchOver, monotonic_ns(), std::nullopt};
    sort_hits_before(UINT64_MAX);
    finish_ended_before(UINT64_MAX);
}

bool AllOfRecipe::tick(const ReportDiagnosis& /*report*/) {
    const std::uint64_t now = monotonic_ns();
    sort_hits_before(now - last_news_ns);
    finish_ended_before(now - last_hits_ns);
    return plan_.objects == 0 || tally_.counts().objects < plan_.objects;
}

void AllOfRecipe::finish_ended_before(std::uint64_t ns) {
    for (Followed& followed : followed_)
        if (followed.end && followed.end->time_ns <= ns) finish(followed);
    std::erase_if(followed_, [](const Followed& followed) { return followed.ledger == nullptr; });
}

void AllOfRecipe::finish(Followed& followed) {
    const ReferenceAccount account = followed.ledger->account();
    tally_.add(followed.life, *followed.end, account);
    if (account.is_broken) {
        Diagnosis diagnosis = followed.ledger->conclude();
        if (diagnosis.verdict == Verdict::Culprit) {
            Broken& broken = broken_[{diagnosis.kind, diagnosis.culprits.front().function}];
            if (broken.objects++ == 0) broken.first = std::move(diagnosis);
        }
    }
    followed.ledger.reset();
}

} // namespace stakeout
