#include "report/string_pool.h"

namespace stakeout {

std::string clipped(std::string_view text, std::size_t most_bytes) {
    if (text.size() <= most_bytes) return std::string(text);
    std::size_t end = most_bytes;
    const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; };
    // Hostile text may be nothing but continuations: no character has more than three.
    for (int i = 0; i < 3 && end > 0 && continues(text[end]); ++i) --end;
    return std::string(text.substr(0, end)) + "...";
}

std::uint32_t StringPool::number_of(std::string_view text) {
    if (const auto found = numbers_.find(text); found != numbers_.end()) return found->second;
    const auto number = static_cast<std::uint32_t>(texts_.size());
    texts_.emplace_back(text);
    numbers_.emplace(text, number);
    return number;
}

} // namespace stakeout
