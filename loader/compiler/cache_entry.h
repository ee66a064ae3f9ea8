// One compiled script as bytes for a file, and back. The whole is under a checksum: what comes back is what
// went in, for this key, or nothing.
#pragma once

#include "loader/compiler/compiler.h"

#include <optional>
#include <string>
#include <string_view>

namespace stakeout {

// SHA-256, in hexadecimal.
std::string fingerprint(std::string_view bytes);

std::string encode_entry(const std::string& key, const CompiledScript& script);
std::optional<CompiledScript> decode_entry(const std::string& key, std::string_view bytes);

} // namespace stakeout
