#include "report/frequent_changes.h"

#include <algorithm>

namespace stakeout {

void FrequentChanges::add(std::uint64_t hash, std::size_t target, const std::optional<Value>& old_value,
                          const std::optional<Value>& new_value) {
    const auto found = std::find(hashes_.begin(), hashes_.end(), hash);
    if (found != hashes_.end()) {
        ++entries_[static_cast<std::size_t>(found - hashes_.begin())].change.hits;
        return;
    }
    if (entries_.size() < kept_) {
        hashes_.push_back(hash);
        entries_.push_back({{target, old_value, new_value, 1, false}, 0});
        return;
    }
    const auto rarest =
        std::min_element(entries_.begin(), entries_.end(),
                         [](const Entry& a, const Entry& b) { return a.change.hits < b.change.hits; });
    hashes_[static_cast<std::size_t>(rarest - entries_.begin())] = hash;
    rarest->too_many = rarest->change.hits;
    rarest->change.target = target;
    rarest->change.old_value = old_value; // assigned: keeps the bytes it has already
    rarest->change.new_value = new_value;
    ++rarest->change.hits;
}

std::vector<Change> FrequentChanges::most_frequent(std::size_t count) const {
    std::vector<Change> changes;
    changes.reserve(entries_.size());
    for (const Entry& entry : entries_) {
        Change change = entry.change;
        change.hits -= entry.too_many;
        change.at_least = entry.too_many != 0;
        changes.push_back(std::move(change));
    }
    std::stable_sort(changes.begin(), changes.end(),
                     [](const Change& a, const Change& b) { return a.hits > b.hits; });
    if (changes.size() > count) changes.resize(count);
    return changes;
}

} // namespace stakeout
