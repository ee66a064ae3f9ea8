#include "tools/output/wall_clock.h"

#include <fmt/format.h>

#include <ctime>

namespace stakeout {
namespace {
constexpr std::int64_t second_ns = 1'000'000'000;
} // namespace

std::string WallClock::time_of_day(std::uint64_t monotonic_ns) const {
    const std::int64_t wall = static_cast<std::int64_t>(monotonic_ns) + difference_ns_;
    const std::int64_t second = wall / second_ns;
    if (second != second_) {
        const time_t when = second;
        tm parts{};
        ::localtime_r(&when, &parts);
        text_ = fmt::format("{:02}:{:02}:{:02}", parts.tm_hour, parts.tm_min, parts.tm_sec);
        second_ = second;
    }
    return fmt::format("{}.{:06}", text_, wall % second_ns / 1000);
}

} // namespace stakeout
