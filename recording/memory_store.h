// The newest part of a recording, in memory: segments of some size each, of which the oldest goes when there
// are too many. For watches that nobody asked to record.
#pragma once

#include "recording/block_store.h"

#include <cstddef>
#include <deque>
#include <string>

namespace stakeout {

class MemoryStore final : public BlockStore {
  public:
    explicit MemoryStore(std::size_t segments = 4, std::size_t segment_bytes = std::size_t{1} << 20U)
        : most_segments_(segments), segment_bytes_(segment_bytes) {}

    void put(Block block) override;
    [[nodiscard]] bool wants_segment() const override;
    [[nodiscard]] std::uint64_t lost_hits() const override { return lost_; }
    [[nodiscard]] std::uint64_t bytes_kept() const override { return total_; }

    // A recording of what is kept, as in a file. `forgotten` of its hits are gone.
    [[nodiscard]] std::string bytes() const;
    [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }

  private:
    struct Segment {
        std::string bytes;
        std::uint64_t hits = 0;
    };
    std::size_t most_segments_, segment_bytes_;
    std::deque<Segment> segments_;
    std::uint64_t forgotten_ = 0, lost_ = 0, total_ = 0;
};

} // namespace stakeout
