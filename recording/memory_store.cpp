#include "recording/memory_store.h"

namespace stakeout {

void MemoryStore::put(Block block) {
    if (block.bytes.empty() || (segments_.empty() && !block.begins_segment)) {
        lost_ += block.hits;
        return;
    }
    if (block.begins_segment) segments_.emplace_back();
    total_ += block.bytes.size();
    segments_.back().bytes += block.bytes;
    segments_.back().hits += block.hits;
    while (segments_.size() > most_segments_) {
        forgotten_ += segments_.front().hits;
        segments_.pop_front();
    }
}

bool MemoryStore::wants_segment() const {
    return segments_.empty() || segments_.back().bytes.size() >= segment_bytes_;
}

std::string MemoryStore::bytes() const {
    std::string all;
    for (const Segment& segment : segments_) all += segment.bytes;
    return all;
}

} // namespace stakeout
