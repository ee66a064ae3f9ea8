#include "watchpoints/hit/hit.h"

#include <atomic>
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

bool Frame::tells_the_same(const Frame& other) const {
    return ip == other.ip && offset == other.offset && line == other.line &&
           image_address == other.image_address && symbol == other.symbol && module == other.module &&
           file == other.file && build_id == other.build_id;
}

std::uint64_t next_telling() {
    static std::atomic<std::uint64_t> last = 0;
    return ++last;
}

} // namespace stakeout
