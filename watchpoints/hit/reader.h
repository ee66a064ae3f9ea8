// Takes records out of the ring buffer, puts them in order and joins the parts of one access.
//
// Records of different CPUs may stand in the ring in another order than their sequence numbers (a hit takes
// its number before its stacks, its place in the ring after them), and a joined record may come while later
// hits are already in the ring. So a hit is held back until no part of it can still come: until the next hit
// of its CPU is there, or until it is `settle` old. A missing number is waited for equally long, then taken
// for lost.
//
// A script adds to that: fields and snapshots stand in the ring before their hit, follow-ups come after it,
// through a ring of their own. A hit waits for a follow-up that is due within a tenth of a second, and others
// wait behind it, so that both are shown together; a later follow-up is handed on by itself. A hit whose
// follow-up decides (SO_UNDECIDED) waits for it until it is a second late, without holding up others.
#pragma once

#include "base/result.h"
#include "watchpoints/hit/raw_record.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace stakeout {

// A hit with everything that was joined to it.
struct JoinedHit {
    RawHit raw;
    std::uint32_t traps = 1;
    std::optional<RawExtra> extra; // a script's fields and snapshots
    std::vector<RawExtra> looks;   // its follow-up, its look in the task's context
    // Further targets touched by the same access (by region), with their values.
    std::vector<so_record> other_targets;
};

class Reader {
  public:
    using Consumer = std::function<void(JoinedHit&&)>;
    using LookConsumer = std::function<void(RawExtra&&)>;

    static Result<std::unique_ptr<Reader>> open(int ring_fd, bool joins_possible, Consumer consumer);
    // Follow-ups: their ring, and who takes those that come without a hit or after it. `kicks_fd`: a ring
    // that is only to be emptied (bpf/hit_stages.h); -1: none.
    Status follow(int looks_fd, int kicks_fd, LookConsumer consumer);
    void take_looks(LookConsumer consumer) { look_consumer_ = std::move(consumer); } // the same without rings
    // Without a ring, fed by hand: tests and recordings.
    static std::unique_ptr<Reader> detached(bool joins_possible, Consumer consumer);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    [[nodiscard]] std::vector<int> poll_fds() const; // readable after a forced wake-up only
    // Takes what is in the ring, at most `most` records; hands on what is complete. Returns how many were
    // taken.
    std::size_t drain(std::uint64_t now_ns, std::size_t most);
    // The watch is over: hands on everything that is held back.
    void flush();
    // A follow-up called stop(); it may still be held back.
    [[nodiscard]] bool met_stop() const { return met_stop_; }
    // Some hit waits for its follow-up.
    [[nodiscard]] bool waits_for_looks() const;
    void feed(std::span<const std::byte> bytes);
    void release(std::uint64_t now_ns);

    [[nodiscard]] std::uint64_t malformed() const { return malformed_; }

  private:
    Reader(bool joins_possible, Consumer consumer);
    using Held = std::map<std::uint64_t, JoinedHit>;
    void take(RawHit&& raw);
    void join(const RawHit& raw);
    void take_extra(RawExtra&& extra);
    void take_look(RawExtra&& look);
    [[nodiscard]] bool settled(const JoinedHit& hit) const;
    void hand_on(Held::iterator at);
    void release_undecided(std::uint64_t looks_until_ns);
    void release_strays(std::uint64_t records_until_ns);

    struct Ring;
    std::unique_ptr<Ring> ring_;
    bool joins_possible_;
    Consumer consumer_;
    LookConsumer look_consumer_;
    Held held_;                                        // by sequence number
    Held undecided_;                                   // no longer in line
    std::map<std::uint64_t, RawExtra> extras_;         // whose hit is still to come
    std::multimap<std::uint64_t, RawExtra> looks_;     // the same
    std::map<std::uint32_t, std::uint64_t> newest_of_; // CPU -> highest sequence number taken
    std::uint64_t next_ = 1;                           // number to hand on next
    // How far the rings have been read: everything older than that, but for what came out of order, was
    // taken. The time of day is no measure of it: under load the reader is behind.
    std::uint64_t records_until_ns_ = 0;
    std::uint64_t looks_until_ns_ = 0;
    std::size_t budget_ = 0;
    std::uint64_t malformed_ = 0;
    bool met_stop_ = false;
};

} // namespace stakeout
