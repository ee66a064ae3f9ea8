// The bytes of a recording -> what its watch told, to a listener. Bytes may come in any pieces, from files or
// from a connection.
//
// A recording may be cut off, damaged or hostile: all that stands before the damage is told, and what and
// where it is. Granularity is a block, whose checksum must be right before any of it is believed. Memory is
// bounded (limits.h), whatever the bytes.
#pragma once

#include "base/result.h"
#include "recording/facts.h"
#include "watchpoints/arm/watch.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace stakeout {

// Where reading had to stop.
struct Damage {
    std::string file;         // empty: the input has no name
    std::uint64_t offset = 0; // of the block in the file
    std::string what;         // a clause
    // "hits.stk is damaged at byte 4711: a damaged block (...); 12 hits before it were read"
    [[nodiscard]] std::string sentence(std::uint64_t hits_read) const;
};

// What was read so far, beside what the listener was told.
struct Replayed {
    std::uint32_t schema = 0; // also of a recording that is too new; 0: none was read yet
    std::optional<RecordingFacts> facts;
    std::vector<ClockStep> clock; // at the beginning, and at each step; the first ones, of absurdly many
    std::vector<KernelModuleFacts> modules;
    std::uint64_t hits = 0;
    std::uint64_t bytes = 0;         // of entries, that were compressed
    std::uint64_t not_recorded = 0;  // hits that could not be written
    std::uint64_t first_segment = 0; // above 0: earlier ones were rotated away
    bool has_summary = false;
    bool stops_early = false;   // conclude() told a summary, of what was read: the recording has none
    std::vector<Damage> damage; // one of each file at most
};

class Replay {
  public:
    // The listener outlives this object. `on_armed` is called once for a recording, however many segments it
    // has.
    // `on_facts` is called before, whenever another recording begins.
    using OnFacts = std::function<void(const RecordingFacts& facts)>;
    explicit Replay(WatchListener& listener, OnFacts on_facts = {});
    ~Replay();
    Replay(const Replay&) = delete;
    Replay& operator=(const Replay&) = delete;

    // What comes next is a file of its own, whose name damage is told with. The file before it ends here.
    void begin_file(std::string name);
    // Damage is no error: it is in replayed(), and the rest of the file is ignored. Errors (Usage): this is
    // no recording; it is made by a newer stakeout. Nothing more can be fed then.
    Status feed(std::span<const std::byte> bytes);
    // No more bytes. A block that is not complete is damage. Error (Usage): there was nothing at all.
    Status end();
    // Tells the listener what the watch could not: a recording without a summary (its watch was killed, its
    // end is damaged or not yet written) gets one, of what was read.
    void conclude();

    [[nodiscard]] const Replayed& replayed() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace stakeout
