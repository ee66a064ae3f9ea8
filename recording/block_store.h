// Where finished blocks go: a file, memory, a socket.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace stakeout {

struct Block {
    std::string bytes; // one zstd frame
    std::uint64_t hits = 0;
    bool begins_segment = false; // can be read without the blocks before it
};

class BlockStore {
  public:
    virtual ~BlockStore() = default;
    // Takes a block; never waits. What cannot be kept is dropped and counted, and so is what follows it up to
    // the next block that begins a segment.
    virtual void put(Block block) = 0;
    // The next block should begin a segment: for a file of its own, or because one was dropped.
    [[nodiscard]] virtual bool wants_segment() const = 0;
    [[nodiscard]] virtual std::uint64_t lost_hits() const = 0;  // dropped so far
    [[nodiscard]] virtual std::uint64_t bytes_kept() const = 0; // so far, also of what is gone meanwhile
    // What its user should hear, once each: a sentence.
    virtual std::optional<std::string> take_trouble() { return std::nullopt; }
};

} // namespace stakeout
