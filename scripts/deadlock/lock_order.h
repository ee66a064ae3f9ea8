// In which order locks are taken: who took one while holding another, where, and how often.
#pragma once

#include "scripts/deadlock/lock_history.h"

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

namespace stakeout {

struct OrderSeen {
    std::string first, second; // names of the locks
    std::uint64_t times = 0;
    std::uint64_t hit = 0;           // the first time: the acquisition of `second`
    Holding second_taken;            // that acquisition
    LockKind kind = LockKind::Mutex; // of `second`
};

class LockOrder {
  public:
    // `task` of the hit has just taken `taken`; `histories` tell what else it holds.
    void add(const Lock& taken, const Hit& hit, const std::deque<LockHistory>& histories);
    [[nodiscard]] std::uint64_t times(const std::string& first, const std::string& second) const;
    [[nodiscard]] const std::vector<OrderSeen>& seen() const { return seen_; }

  private:
    std::vector<OrderSeen> seen_; // at most four locks: a dozen pairs
};

} // namespace stakeout
