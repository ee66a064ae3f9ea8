#include "watchpoints/hit/raw_record.h"

#include <cstring>

namespace stakeout {

std::optional<RawHit> decode_record(std::span<const std::byte> bytes) {
    RawHit hit;
    if (bytes.size() < sizeof(so_record)) return std::nullopt;
    std::memcpy(&hit.record, bytes.data(), sizeof(so_record));
    const so_record& r = hit.record;
    if (r.kind != SO_HIT && r.kind != SO_JOINED) return std::nullopt;
    if (r.slot >= SO_SLOTS || r.region >= SO_REGIONS) return std::nullopt;
    if (r.kernel_frames > SO_MAX_DEPTH || r.user_frames > SO_MAX_DEPTH) return std::nullopt;
    hit.record.comm[SO_COMM_BYTES - 1] = '\0';

    const std::size_t frames = std::size_t{r.kernel_frames} + r.user_frames;
    const auto tail = bytes.subspan(sizeof(so_record));
    if (tail.size() < frames * sizeof(std::uint64_t)) return std::nullopt;
    const auto copy = [&tail](std::vector<std::uint64_t>& into, std::size_t first, std::size_t count) {
        into.resize(count);
        if (count > 0)
            std::memcpy(into.data(), tail.data() + first * sizeof(std::uint64_t),
                        count * sizeof(std::uint64_t));
    };
    copy(hit.kernel_frames, 0, r.kernel_frames);
    copy(hit.user_frames, r.kernel_frames, r.user_frames);
    return hit;
}

} // namespace stakeout
