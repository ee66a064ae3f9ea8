// Hashes of what is kept once. Seeded by chance at the start: whoever names functions on the watched machine
// cannot choose names that meet.
#pragma once

#include "watchpoints/hit/hit.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace stakeout {

std::uint64_t hash_seed(); // the same throughout the process
std::uint64_t hash_of(std::string_view text, std::uint64_t seed);
std::uint64_t hash_of(std::uint64_t number, std::uint64_t seed);
std::uint64_t hash_of(const std::optional<Value>& value, std::uint64_t seed);
// Of what a frame is shown as: the same function at the same offset, wherever it is mapped.
std::uint64_t hash_of(const Frame& frame, std::uint64_t seed);

} // namespace stakeout
