#include "report/text_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <random>

namespace stakeout {

std::uint64_t hash_seed() {
    static const std::uint64_t seed = [] {
        std::random_device random;
        return static_cast<std::uint64_t>(random()) << 32U | random();
    }();
    return seed;
}

std::uint64_t hash_of(std::string_view text, std::uint64_t seed) {
    return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

std::uint64_t hash_of(std::uint64_t number, std::uint64_t seed) {
    return XXH3_64bits_withSeed(&number, sizeof number, seed);
}

std::uint64_t hash_of(const std::optional<Value>& value, std::uint64_t seed) {
    if (!value) return hash_of(std::uint64_t{0}, seed);
    return XXH3_64bits_withSeed(value->bytes.data(), value->bytes.size(), seed + 1);
}

std::uint64_t hash_of(const Frame& frame, std::uint64_t seed) {
    std::uint64_t hash = hash_of(frame.symbol, seed);
    if (!frame.module.empty()) hash = hash_of(frame.module, hash);
    if (!frame.file.empty()) hash = hash_of(frame.file, hash + static_cast<std::uint64_t>(frame.line));
    return hash_of(frame.symbol.empty() ? frame.ip : frame.offset, hash);
}

} // namespace stakeout
