// Numbers and times as people read them in a report.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "watchpoints/hit/hit.h"

namespace stakeout {

std::string grouped(std::uint64_t number); // "1,234,567"
// "1 hit", "1,234 hits"
std::string counted(std::uint64_t number, std::string_view one, std::string_view many);
std::string percent(std::uint64_t part, std::uint64_t whole); // "79 %", "under 1 %", "over 99 %"
std::string span_words(std::uint64_t us);                     // "12 us", "3.4 s", "2 h 05 min"
// "2026-11-22 04:15:16.123456", local time. Nanoseconds since 1970.
std::string wall_time(std::int64_t wall_ns);
std::string clock_time(std::int64_t wall_ns);               // "04:15:16.123456"
std::string value_words(const std::optional<Value>& value); // "0x2a", "?"; the beginning of a long one

} // namespace stakeout
