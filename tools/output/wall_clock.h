// CLOCK_MONOTONIC nanoseconds -> the time of day that people read.
#pragma once

#include <cstdint>
#include <string>

namespace stakeout {

class WallClock {
  public:
    WallClock(); // fixes the difference of the two clocks now
    [[nodiscard]] std::string time_of_day(std::uint64_t monotonic_ns) const; // "21:50:47.123456", local time

  private:
    std::int64_t difference_ns_;
    mutable std::int64_t second_ = -1; // the second that text_ is of
    mutable std::string text_;
};

} // namespace stakeout
