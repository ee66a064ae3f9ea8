#include "report/frequent_changes.h"

#include <algorithm>

namespace stakeout {

void FrequentChanges::add(std::uint64_t hash, std::size_t target, const std::optional<Value>& old_value,
                          const std::optional<Value>& new_value) {
    const auto found = std::find(hashes_.begin(), hashes_.end(), hash);
    if (found != hashes_.end()) {
        ++hits_[static_cast<std::size_t>(found - hashes_.begin())];
        return;
    }
    if (entries_.size() < kept_) {
        hashes_.push_back(hash);
        hits_.push_back(1);
        entries_.push_back({{target, old_value, new_value, 0, false}, 0});
        return;
    }
    const auto rarest =
        static_cast<std::size_t>(std::min_element(hits_.begin(), hits_.end()) - hits_.begin());
    Entry& entry = entries_[rarest];
    hashes_[rarest] = hash;
    entry.too_many = hits_[rarest]++;
    entry.change.target = target;
    entry.change.old_value = old_value; // assigned: keeps the bytes it has already
    entry.change.new_value = new_value;
}

std::vector<Change> FrequentChanges::most_frequent(std::size_t count) const {
    std::vector<Change> changes;
    changes.reserve(entries_.size());
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        Change change = entries_[i].change;
        change.hits = hits_[i] - entries_[i].too_many;
        change.at_least = entries_[i].too_many != 0;
        changes.push_back(std::move(change));
    }
    std::stable_sort(changes.begin(), changes.end(),
                     [](const Change& a, const Change& b) { return a.hits > b.hits; });
    if (changes.size() > count) changes.resize(count);
    return changes;
}

} // namespace stakeout
