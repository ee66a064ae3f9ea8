// "30s", "10m", "2h", "1d", "500ms" -> a duration.
#pragma once

#include "base/result.h"

#include <chrono>
#include <string_view>

namespace stakeout {

Result<std::chrono::nanoseconds> parse_duration(std::string_view text); // Error: Usage

} // namespace stakeout
