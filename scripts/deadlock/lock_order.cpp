#include "scripts/deadlock/lock_order.h"

#include <algorithm>

namespace stakeout {

void LockOrder::add(const Lock& taken, const Hit& hit, const std::deque<LockHistory>& histories) {
    for (const LockHistory& history : histories) {
        const Lock& other = history.lock();
        if (other.address == taken.address) continue;
        const bool holds = std::any_of(history.holders().begin(), history.holders().end(),
                                       [&](const Holding& h) { return h.task.tid == hit.tid && h.certain; });
        if (!holds) continue;
        const auto same = [&](const OrderSeen& one) {
            return one.first == other.name && one.second == taken.name;
        };
        auto known = std::find_if(seen_.begin(), seen_.end(), same);
        if (known == seen_.end()) {
            seen_.push_back({other.name, taken.name, 0, hit.seq, LockHistory::at(hit), taken.kind});
            known = std::prev(seen_.end());
        }
        ++known->times;
    }
}

std::uint64_t LockOrder::times(const std::string& first, const std::string& second) const {
    for (const OrderSeen& one : seen_)
        if (one.first == first && one.second == second) return one.times;
    return 0;
}

} // namespace stakeout
