#include "tools/options/duration.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

namespace stakeout {

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
    using namespace std::chrono_literals;
    static constexpr std::array<std::pair<std::string_view, std::chrono::nanoseconds>, 6> units{
        {{"us", 1us}, {"ms", 1ms}, {"s", 1s}, {"m", 1min}, {"h", 1h}, {"d", 24h}}};
    std::uint32_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
    if (failed == std::errc{})
        for (const auto& [name, length] : units)
            if (unit == name) return std::chrono::nanoseconds(length * number);
    return usage_error(fmt::format("read the duration '{}'", text),
                       "it is no number with one of the units us, ms, s, m, h, d", "write 30s, 10m or 2h");
}

Result<std::chrono::nanoseconds> parse_time_to_live(std::string_view text) {
    using namespace std::chrono_literals;
    auto ttl = parse_duration(text);
    if (ttl && (*ttl < 1s || *ttl > 7 * 24h))
        return usage_error(fmt::format("use --ttl {}", text), "a time to live is at least 1s and at most 7d",
                           "the default is 10m");
    return ttl;
}

} // namespace stakeout
