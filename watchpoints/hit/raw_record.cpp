#include "watchpoints/hit/raw_record.h"

#include <cstddef>
#include <cstring>

#define STAKEOUT_LAYOUT
#include "bpf/stakeout.h"

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

std::uint32_t kind_of_record(std::span<const std::byte> bytes) {
    std::uint32_t kind = 0;
    if (bytes.size() >= sizeof(kind)) std::memcpy(&kind, bytes.data(), sizeof(kind));
    return kind;
}

namespace {

bool decode_snapshots(std::span<const std::byte> bytes, std::vector<RawSnapshot>& into) {
    while (!bytes.empty()) {
        so_snapshot header{};
        if (bytes.size() < sizeof(header)) return false;
        std::memcpy(&header, bytes.data(), sizeof(header));
        bytes = bytes.subspan(sizeof(header));
        const std::size_t padded = (std::size_t{header.bytes} + 7) & ~std::size_t{7};
        if (header.bytes == 0 || header.bytes > SO_SNAPSHOT_BYTES || bytes.size() < padded) return false;
        RawSnapshot snapshot{header.address, header.failed != 0, std::vector<std::uint8_t>(header.bytes)};
        std::memcpy(snapshot.bytes.data(), bytes.data(), header.bytes);
        into.push_back(std::move(snapshot));
        bytes = bytes.subspan(padded);
    }
    return true;
}

} // namespace

std::optional<RawExtra> decode_extra(std::span<const std::byte> bytes) {
    constexpr std::size_t head = offsetof(so_extra, snapshots);
    if (bytes.size() < head || bytes.size() > sizeof(so_extra)) return std::nullopt;
    so_extra raw{};
    std::memcpy(&raw, bytes.data(), head);
    if (raw.kind != SO_EXTRA && raw.kind != SO_FOLLOWUP && raw.kind != SO_TASK_LOOK) return std::nullopt;
    RawExtra extra{raw.kind, raw.verdict,     raw.seq,     raw.time_ns,    raw.due_ns, raw.cpu,
                   raw.tid,  raw.hit_verdict, raw.refused, raw.stops != 0, {},         {}};
    extra.fields.assign(std::begin(raw.fields), std::end(raw.fields));
    if (bytes.size() - head < raw.snapshot_bytes) return std::nullopt;
    if (!decode_snapshots(bytes.subspan(head, raw.snapshot_bytes), extra.snapshots)) return std::nullopt;
    return extra;
}

} // namespace stakeout
