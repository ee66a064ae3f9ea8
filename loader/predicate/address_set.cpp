#include "loader/predicate/address_set.h"

#include <algorithm>

namespace stakeout {

AddressSet AddressSet::of(std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges) {
    std::erase_if(ranges, [](const auto& range) { return range.first >= range.second; });
    std::sort(ranges.begin(), ranges.end());
    std::vector<std::uint64_t> borders;
    for (const auto& [start, end] : ranges) {
        if (!borders.empty() && start <= borders.back()) {
            borders.back() = std::max(borders.back(), end);
        } else {
            borders.push_back(start);
            borders.push_back(end);
        }
    }
    return AddressSet(std::move(borders));
}

AddressSet AddressSet::without(const AddressSet& other) const {
    std::vector<std::uint64_t> places;
    std::set_union(borders_.begin(), borders_.end(), other.borders_.begin(), other.borders_.end(),
                   std::back_inserter(places));
    std::vector<std::uint64_t> borders;
    for (const std::uint64_t place : places) {
        const bool inside = has(place) && !other.has(place);
        if (inside != (borders.size() % 2 == 1)) borders.push_back(place);
    }
    return AddressSet(std::move(borders));
}

bool AddressSet::has(std::uint64_t address) const {
    return (std::upper_bound(borders_.begin(), borders_.end(), address) - borders_.begin()) % 2 == 1;
}

} // namespace stakeout
