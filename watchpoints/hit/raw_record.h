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

// What a script added to a hit, or what a follow-up saw.
struct RawSnapshot {
    std::uint64_t address = 0;
    bool failed = false; // it could not be read: the bytes are zero
    std::vector<std::uint8_t> bytes;
};
struct RawExtra {
    std::uint32_t kind = 0;    // SO_EXTRA, SO_FOLLOWUP, SO_TASK_LOOK
    std::uint32_t verdict = 0; // enum verdict (bpf/stakeout.h)
    std::uint64_t seq = 0;     // of the hit
    std::uint64_t time_ns = 0;
    std::uint64_t due_ns = 0;
    std::uint32_t cpu = 0;
    std::uint32_t tid = 0;
    std::uint32_t hit_verdict = 0;
    std::uint32_t refused = 0; // snapshots that did not fit
    bool stops = false;
    std::vector<std::uint8_t> fields;
    std::vector<RawSnapshot> snapshots;
};

// Kind of a record, enum so_kind; 0: too short.
std::uint32_t kind_of_record(std::span<const std::byte> bytes);
// nullopt: malformed.
std::optional<RawExtra> decode_extra(std::span<const std::byte> bytes);

// nullopt: too short, of no known kind, or with more frames than bytes.
std::optional<RawHit> decode_record(std::span<const std::byte> bytes);

} // namespace stakeout
