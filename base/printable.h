// Names from the watched machine are hostile input for a terminal: control characters and escape sequences
// become visible \xNN, and so do the characters that turn the direction of writing around.
#pragma once

#include <string>
#include <string_view>

namespace stakeout {

[[nodiscard]] std::string printable(std::string_view text);

} // namespace stakeout
