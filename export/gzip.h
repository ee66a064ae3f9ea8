// Bytes as gzip makes them.
#pragma once

#include <string>
#include <string_view>

namespace stakeout {

// Without a time or a name, so that the same bytes give the same file. Empty: there was no memory.
std::string gzip(std::string_view bytes);

} // namespace stakeout
