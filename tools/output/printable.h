// Names from the watched machine are hostile input for a terminal: control characters and escape sequences
// become visible \xNN.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace stakeout {

inline std::string printable(std::string_view text) {
    std::string safe;
    safe.reserve(text.size());
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f)
            safe += fmt::format("\\x{:02x}", byte);
        else
            safe += c;
    }
    return safe;
}

} // namespace stakeout
