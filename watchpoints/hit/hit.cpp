#include "watchpoints/hit/hit.h"

#include <ranges>
#include <string_view>

namespace stakeout {

std::string Value::hex() const {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text = "0x";
    for (const std::uint8_t byte : std::ranges::reverse_view(bytes)) {
        if (text.size() > 2 || byte >> 4 != 0) text += digits[byte >> 4];
        if (text.size() > 2 || byte != 0) text += digits[byte & 15];
    }
    return text.size() > 2 ? text : "0x0";
}

} // namespace stakeout
