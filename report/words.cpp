#include "report/words.h"

#include <fmt/format.h>

#include <ctime>

namespace stakeout {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

tm local(std::int64_t wall_ns) {
    const time_t when = wall_ns / second_ns;
    tm parts{};
    ::localtime_r(&when, &parts);
    return parts;
}

} // namespace

std::string grouped(std::uint64_t number) {
    std::string digits = fmt::format("{}", number);
    for (std::size_t i = digits.size(); i > 3;) digits.insert(i -= 3, 1, ',');
    return digits;
}

std::string counted(std::uint64_t number, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", grouped(number), number == 1 ? one : many);
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
    if (whole == 0) return "0 %";
    if (part == whole) return "100 %";
    const double share = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
    if (share < 1) return part == 0 ? "0 %" : "under 1 %";
    if (share > 99) return "over 99 %"; // not all of them
    return fmt::format("{:.0f} %", share);
}

std::string span_words(std::uint64_t us) {
    const auto amount = static_cast<double>(us);
    if (us < 1'000) return fmt::format("{} us", us);
    if (us < 1'000'000) return fmt::format("{:.1f} ms", amount / 1e3);
    if (us < 60'000'000) return fmt::format("{:.1f} s", amount / 1e6);
    const std::uint64_t seconds = us / 1'000'000;
    if (seconds < 3'600) return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
    return fmt::format("{} h {:02} min", seconds / 3'600, seconds % 3'600 / 60);
}

std::string clock_time(std::int64_t wall_ns) {
    const tm parts = local(wall_ns);
    return fmt::format("{:02}:{:02}:{:02}.{:06}", parts.tm_hour, parts.tm_min, parts.tm_sec,
                       wall_ns % second_ns / 1'000);
}

std::string wall_time(std::int64_t wall_ns) {
    const tm parts = local(wall_ns);
    return fmt::format("{:04}-{:02}-{:02} {}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                       clock_time(wall_ns));
}

std::string value_words(const std::optional<Value>& value) {
    if (!value) return "?";
    constexpr std::size_t most = 34; // a value of 16 bytes
    const std::string hex = value->hex();
    return hex.size() <= most ? hex : hex.substr(0, most) + "...";
}

} // namespace stakeout
