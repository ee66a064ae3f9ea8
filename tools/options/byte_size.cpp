#include "tools/options/byte_size.h"

#include <fmt/format.h>

#include <charconv>

namespace stakeout {

Result<std::uint64_t> parse_byte_size(const std::string& option, std::string_view text) {
    std::uint64_t number = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view unit(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
    unsigned shift = 64;
    if (unit.empty()) shift = 0;
    if (unit == "K" || unit == "k") shift = 10;
    if (unit == "M" || unit == "m") shift = 20;
    if (unit == "G" || unit == "g") shift = 30;
    if (error != std::errc() || shift == 64 || number > (UINT64_MAX >> shift))
        return usage_error(fmt::format("use {} {}", option, text), "it is no size", "write 64K, 100M or 2G");
    return number << shift;
}

} // namespace stakeout
