// A frame's name in a folded stack.
#pragma once

#include "base/printable.h"
#include "watchpoints/hit/hit.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace stakeout {

inline std::string frame_name(const Frame& frame) {
    std::string name = frame.symbol.empty() ? fmt::format("{:#x}", frame.ip) : printable(frame.symbol);
    std::replace(name.begin(), name.end(), ';', ':'); // the separator
    std::replace(name.begin(), name.end(), '\n', ' ');
    return name;
}

} // namespace stakeout
