// The record decoder: bytes from the ring buffer (or a file) -> RawHit. The only place that knows the layout
// of so_record's tail; anything malformed is refused, never read beyond its end.
#pragma once

#include "bpf/record.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace stakeout {

struct RawHit {
    so_record record{};
    std::vector<std::uint64_t> kernel_frames; // innermost first
    std::vector<std::uint64_t> user_frames;
};

// nullopt: too short, of no known kind, or with more frames than bytes.
std::optional<RawHit> decode_record(std::span<const std::byte> bytes);

} // namespace stakeout
