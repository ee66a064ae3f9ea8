// A moment as people say it: "10m" before the end, "14:20", "14:20:30", "2026-11-22 04:15", "...:16".
#pragma once

#include "base/result.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace stakeout {

class Moment {
  public:
    // Error (Usage): none of these.
    static Result<Moment> parse(std::string_view text);

    // Nanoseconds since 1970, local time. `end_wall_ns`: what "before the end" means, and the latest that a
    // mere time of day can be.
    [[nodiscard]] std::int64_t wall_ns(std::int64_t end_wall_ns) const;

  private:
    std::optional<std::chrono::nanoseconds> before_end_;
    struct Day {
        int year = 0, month = 0, day = 0;
    };
    std::optional<Day> day_;
    int hour_ = 0, minute_ = 0, second_ = 0;
};

} // namespace stakeout
