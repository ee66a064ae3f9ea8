// "64K", "100M", "2G", "1048576" -> bytes; K, M and G are powers of 1024, as in ls(1) and df(1).
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace stakeout {

// Error (Usage): no size; names the option.
Result<std::uint64_t> parse_byte_size(const std::string& option, std::string_view text);

} // namespace stakeout
