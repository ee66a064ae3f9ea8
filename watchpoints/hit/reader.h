// Takes records out of the ring buffer, puts them in order and joins the parts of one access.
//
// Records of different CPUs may stand in the ring in another order than their sequence numbers (a hit takes
// its number before its stacks, its place in the ring after them), and a joined record may come while later
// hits are already in the ring. So a hit is held back until no part of it can still come: until the next hit
// of its CPU is there, or until it is `settle` old. A missing number is waited for equally long, then taken
// for lost.
#pragma once

#include "base/result.h"
#include "watchpoints/hit/raw_record.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

namespace stakeout {

// A hit with everything that was joined to it.
struct JoinedHit {
    RawHit raw;
    std::uint32_t traps = 1;
    // Further targets touched by the same access (by region), with their values.
    std::vector<so_record> other_targets;
};

class Reader {
  public:
    using Consumer = std::function<void(JoinedHit&&)>;

    static Result<std::unique_ptr<Reader>> open(int ring_fd, bool joins_possible, Consumer consumer);
    // Without a ring, fed by hand: tests and recordings.
    static std::unique_ptr<Reader> detached(bool joins_possible, Consumer consumer);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    [[nodiscard]] int poll_fd() const; // readable after a forced wake-up only
    // Takes what is in the ring, at most `most` records; hands on what is complete. Returns how many were
    // taken.
    std::size_t drain(std::uint64_t now_ns, std::size_t most);
    // The watch is over: hands on everything that is held back.
    void flush();
    void feed(std::span<const std::byte> bytes);
    void release(std::uint64_t now_ns);

    [[nodiscard]] std::uint64_t malformed() const { return malformed_; }

  private:
    Reader(bool joins_possible, Consumer consumer);
    void take(RawHit&& raw);
    void join(const RawHit& raw);
    [[nodiscard]] bool settled(const JoinedHit& hit, std::uint64_t now_ns) const;
    void hand_on(std::map<std::uint64_t, JoinedHit>::iterator at);

    struct Ring;
    std::unique_ptr<Ring> ring_;
    bool joins_possible_;
    Consumer consumer_;
    std::map<std::uint64_t, JoinedHit> held_;          // by sequence number
    std::map<std::uint32_t, std::uint64_t> newest_of_; // CPU -> highest sequence number taken
    std::uint64_t next_ = 1;                           // number to hand on next
    std::size_t budget_ = 0;
    std::uint64_t malformed_ = 0;
};

} // namespace stakeout
