// "30s", "10m", "2h", "1d", "500ms", "50us" -> a duration.
#pragma once

#include "base/result.h"

#include <chrono>
#include <string_view>

namespace stakeout {

Result<std::chrono::nanoseconds> parse_duration(std::string_view text); // Error: Usage
// --ttl: between a second and a week.
Result<std::chrono::nanoseconds> parse_time_to_live(std::string_view text);

} // namespace stakeout
