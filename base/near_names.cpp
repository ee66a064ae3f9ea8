#include "base/near_names.h"

#include <algorithm>

namespace stakeout {

std::size_t NearNames::distance(std::string_view name, std::size_t enough) {
    const std::size_t width = wanted_.size();
    if ((name.size() > width ? name.size() - width : width - name.size()) >= enough) return enough;
    row_.resize(width + 1);
    for (std::size_t i = 0; i <= width; ++i) row_[i] = i;
    for (std::size_t j = 1; j <= name.size(); ++j) {
        std::size_t diagonal = row_[0], best = row_[0] = j;
        for (std::size_t i = 1; i <= width; ++i) {
            const std::size_t change = diagonal + (wanted_[i - 1] == name[j - 1] ? 0 : 1);
            diagonal = row_[i];
            row_[i] = std::min({change, row_[i] + 1, row_[i - 1] + 1});
            best = std::min(best, row_[i]);
        }
        if (best >= enough) return enough;
    }
    return row_[width];
}

void NearNames::consider(std::string_view name) {
    if (limit_ == 0 || wanted_.empty() || name.empty()) return;
    std::size_t enough = wanted_.size() / 3 + 2;
    if (nearest_.size() == limit_) enough = std::min(enough, nearest_.back().distance);
    const std::size_t changes = distance(name, enough);
    if (changes >= enough) return;
    const auto same = [&](const Near& near) { return near.name == name; };
    if (std::any_of(nearest_.begin(), nearest_.end(), same)) return;
    const auto place = std::upper_bound(nearest_.begin(), nearest_.end(), changes,
                                        [](std::size_t d, const Near& near) { return d < near.distance; });
    nearest_.insert(place, {changes, std::string(name)});
    if (nearest_.size() > limit_) nearest_.pop_back();
}

std::vector<std::string> NearNames::take() && {
    std::vector<std::string> names;
    names.reserve(nearest_.size());
    for (Near& near : nearest_) names.push_back(std::move(near.name));
    return names;
}

} // namespace stakeout
