// What bytes look like that somebody wrote over others: text, poison of an allocator, one byte repeated, a
// pointer.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace stakeout {

// Where a pointer leads, in words; absent: nowhere known.
using DescribeAddress = std::function<std::optional<std::string>(std::uint64_t address)>;

struct BytePattern {
    enum class Kind { Text, Poison, Fill, Pointer } kind = Kind::Text;
    std::string says; // "text: \"Grace\"", "SLUB poison of freed objects (0x6b)"
};

// `bytes` as in memory. Short of certainty there is no pattern: four bytes of text at least, a pointer must
// lead somewhere. Zero bytes alone are no pattern.
std::optional<BytePattern> recognise(std::span<const std::uint8_t> bytes,
                                     const DescribeAddress& describe_address);

} // namespace stakeout
