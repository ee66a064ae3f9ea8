// Which bytes of a piece of memory differ between two looks, as pieces that a person can read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace stakeout {

struct ChangedBytes {
    std::size_t offset = 0, size = 0;
    bool operator==(const ChangedBytes&) const = default;
};

// Whole words of eight bytes (as they lie, the first one at 0), neighbours joined up to 32 bytes. Both of one
// size.
[[nodiscard]] std::vector<ChangedBytes> changed_bytes(std::span<const std::uint8_t> before,
                                                      std::span<const std::uint8_t> now);

} // namespace stakeout
