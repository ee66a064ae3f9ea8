// Who wrote the target how often, one group for each writing function. Bounded: a target has few writers;
// what comes beyond the limit is counted together.
#pragma once

#include "scripts/stomp/memory_owner.h"
#include "scripts/stomp/overrun.h"
#include "scripts/stomp/writer.h"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace stakeout {

enum class Judgement { Legitimate, Suspect, NextOwner, Unjudged };

struct WriterGroup {
    Frame frame;     // of the first suspect hit, else of the first hit
    std::string via; // the primitive that stored
    Writer::Role role = Writer::Role::Plain;
    std::uint64_t hits = 0, suspects = 0, legitimate = 0, next_owner = 0;
    std::vector<std::uint64_t> numbers;    // of the first suspects, else of the first hits
    std::set<std::string> tasks;           // names, a few
    Hit sample;                            // the first suspect, else the first hit
    std::optional<StoreOrigin> origin;     // of the sample
    std::optional<OwnedMemory> wrote_from; // whose memory the origin is, when it is not the target's
};

class StompLedger {
  public:
    // The group that the hit now belongs to, and whether the hit became its sample.
    struct Added {
        WriterGroup* group = nullptr; // null: too many writers
        bool is_sample = false;
    };
    Added add(const Hit& hit, const Writer& writer, Judgement judgement);
    // A follow-up's memory, for the sample that it belongs to.
    void add_look(const Look& look);

    [[nodiscard]] const std::vector<WriterGroup>& groups() const { return groups_; }
    [[nodiscard]] std::uint64_t beyond() const { return beyond_; } // hits of writers that found no room

    static constexpr std::size_t most_groups = 256;
    static constexpr std::size_t most_numbers = 8;

  private:
    WriterGroup* group_for(const Hit& hit, const Writer& writer);

    std::vector<WriterGroup> groups_;
    std::uint64_t beyond_ = 0;
};

} // namespace stakeout
