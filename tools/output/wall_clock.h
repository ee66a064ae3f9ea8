// CLOCK_MONOTONIC nanoseconds -> the time of day that people read.
#pragma once

#include "base/monotonic_clock.h"

#include <cstdint>
#include <string>

namespace stakeout {

class WallClock {
  public:
    WallClock() : WallClock(wall_ahead_ns()) {} // as the two clocks stand now
    explicit WallClock(std::int64_t ahead_ns) : difference_ns_(ahead_ns) {}
    [[nodiscard]] std::string time_of_day(std::uint64_t monotonic_ns) const; // "21:50:47.123456", local time

  private:
    std::int64_t difference_ns_;
    mutable std::int64_t second_ = -1; // the second that text_ is of
    mutable std::string text_;
};

} // namespace stakeout
