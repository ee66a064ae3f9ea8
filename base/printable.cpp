#include "base/printable.h"

#include <fmt/format.h>

#include <cstddef>

namespace stakeout {
namespace {

unsigned byte_at(std::string_view text, std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
}

// How many bytes at `i` steer a terminal; 0: none does.
std::size_t steering_bytes(std::string_view text, std::size_t i) {
    const unsigned first = byte_at(text, i), second = byte_at(text, i + 1), third = byte_at(text, i + 2);
    if (first < 0x20 || first == 0x7f) return 1;
    if (first == 0xc2 && second >= 0x80 && second < 0xa0) return 2; // U+0080..9F: some terminals obey them
    if (first != 0xe2) return 0;
    const bool marks = second == 0x80 && (third == 0x8e || third == 0x8f);    // U+200E, 200F
    const bool embeddings = second == 0x80 && third >= 0xa8 && third <= 0xae; // U+2028..202E
    const bool isolates = second == 0x81 && third >= 0xa6 && third <= 0xa9;   // U+2066..2069
    return marks || embeddings || isolates ? 3 : 0;
}

} // namespace

std::string printable(std::string_view text) {
    std::string safe;
    safe.reserve(text.size());
    for (std::size_t i = 0; i < text.size();) {
        const std::size_t steering = steering_bytes(text, i);
        if (steering == 0) safe += text[i++];
        for (std::size_t end = i + steering; steering != 0 && i < end; ++i)
            safe += fmt::format("\\x{:02x}", byte_at(text, i));
    }
    return safe;
}

} // namespace stakeout
