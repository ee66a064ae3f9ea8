// A number that an option takes.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>

namespace stakeout {

// Error (Usage): no number, or not between `least` and `most`; names the option.
Result<std::uint64_t> bounded_number(const std::string& option, const std::string& text, std::uint64_t least,
                                     std::uint64_t most);

} // namespace stakeout
