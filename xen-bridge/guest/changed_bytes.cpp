#include "xen-bridge/guest/changed_bytes.h"

#include <algorithm>

namespace stakeout {

std::vector<ChangedBytes> changed_bytes(std::span<const std::uint8_t> before,
                                        std::span<const std::uint8_t> now) {
    constexpr std::size_t word = 8, most = 32;
    std::vector<ChangedBytes> pieces;
    for (std::size_t at = 0; at < now.size(); at += word) {
        const std::size_t size = std::min(word, now.size() - at);
        if (std::ranges::equal(before.subspan(at, size), now.subspan(at, size))) continue;
        const bool joins = !pieces.empty() && pieces.back().offset + pieces.back().size == at &&
                           pieces.back().size + size <= most;
        if (joins)
            pieces.back().size += size;
        else
            pieces.push_back({at, size});
    }
    return pieces;
}

} // namespace stakeout
