#include "scripts/refcount/object_tally.h"

#include "scripts/refcount/pairing.h"

#include <algorithm>

namespace stakeout {
namespace {

constexpr std::size_t most_gaps = 65536;
constexpr std::size_t most_functions = 1024;
constexpr std::size_t most_hits = 8;

void add_hits(std::vector<std::uint64_t>& to, const std::vector<std::uint64_t>& from) {
    for (const std::uint64_t hit : from)
        if (to.size() < most_hits) to.push_back(hit);
}

} // namespace

void ObjectTally::add_functions(const ReferenceAccount& account, bool is_sound) {
    for (const auto& [key, function] : account.functions) {
        if (functions_.size() == most_functions && !functions_.contains(key)) continue;
        FunctionTotals& totals = functions_[key];
        if (totals.objects == 0 || (totals.gets == 0 && function.gets != 0)) {
            totals.decider = function.decider;
            totals.sample = function.sample;
        }
        ++totals.objects;
        totals.gets += function.gets;
        totals.puts += function.puts;
        add_hits(totals.hits, function.hits);
        if (!is_sound) continue;
        totals.least_net = totals.freed == 0 ? function.net() : std::min(totals.least_net, function.net());
        totals.most_net = totals.freed == 0 ? function.net() : std::max(totals.most_net, function.net());
        ++totals.freed;
        totals.longest_hold_ns = std::max(totals.longest_hold_ns, function.longest_hold_ns);
    }
}

void ObjectTally::add(const ObjectLife& life, const LifeEnd& end, const ReferenceAccount& account) {
    ++counts_.objects;
    counts_.gets += account.gets;
    counts_.puts += account.puts;
    if (gaps_.size() < most_gaps) gaps_.push_back(life.armed_ns - std::min(life.born_ns, life.armed_ns));
    const bool freed = end.how == LifeEnd::How::Freed || end.how == LifeEnd::How::FreedUnseen;
    const auto last = counter_value(end.last);
    const bool is_whole = account.gets + account.puts == 0 || (last && account.explains(*last));
    const bool is_sound = freed && is_whole && last && *last == 0;
    add_functions(account, is_sound);
    if (!is_whole) {
        ++counts_.unclear;
    } else if (freed) {
        ++(last && *last != 0 ? counts_.freed_in_use : counts_.freed);
    } else {
        ++(end.how == LifeEnd::How::StillAlive ? counts_.alive : counts_.cut);
        Kept kept{life.number, life.address, end.time_ns, last.value_or(0), {}};
        for (const auto& [key, function] : account.functions)
            if (function.net() > 0) kept.open[key] = {function.net(), function.last_get_ns, function.hits};
        if (!kept.open.empty() && kept_.size() < most_kept) kept_.push_back(std::move(kept));
    }
}

// What others take here is no more than they always take and hand over to somebody: as the count is what this
// one took too much, these were given back.
std::string ObjectTally::only_odd_one(const Kept& kept) const {
    std::string odd;
    for (const auto& [key, open] : kept.open) {
        const auto totals = functions_.find(key);
        if (totals == functions_.end() || !totals->second.is_steady()) return {};
        if (open.net <= totals->second.most_net) continue;
        if (!odd.empty() || totals->second.most_net > 0 || open.net != kept.value) return {};
        odd = key;
    }
    return odd;
}

std::vector<ObjectTally::Suspect> ObjectTally::suspects() const {
    std::map<std::string, Suspect> found;
    for (const Kept& kept : kept_) {
        const std::string key = only_odd_one(kept);
        if (key.empty()) continue;
        const auto& open = kept.open.at(key);
        // In use, as long as it has not held it for longer than ever.
        const std::uint64_t usual = usual_hold_ns(functions_.at(key).longest_hold_ns);
        if (kept.end_ns < open.last_get_ns + usual) continue;
        Suspect& suspect = found[key];
        suspect.function = key;
        suspect.objects.push_back(&kept);
        suspect.references += static_cast<std::uint64_t>(open.net);
    }
    std::vector<Suspect> suspects;
    for (auto& [key, suspect] : found)
        if (suspect.objects.size() >= objects_that_prove) suspects.push_back(std::move(suspect));
    std::stable_sort(suspects.begin(), suspects.end(),
                     [](const Suspect& a, const Suspect& b) { return a.objects.size() > b.objects.size(); });
    return suspects;
}

} // namespace stakeout
