// Hits and looks -> entries. Keeps what the next hit's deltas are from.
#pragma once

#include "recording/interner.h"

namespace stakeout {

class HitWriter {
  public:
    HitWriter(EntryBuffer& entries, Interner& interner) : entries_(entries), interner_(interner) {}

    // A new segment: steps count from this time and number.
    void begin(std::uint64_t time_ns, std::uint64_t seq);
    [[nodiscard]] std::uint64_t last_seq() const { return last_seq_; }

    // False: it is too large (megabytes of a script's snapshots), and is left out.
    [[nodiscard]] bool add(const Hit& hit);
    [[nodiscard]] bool add(const Look& look);

  private:
    void fill_values(const Hit& hit, Recording_Hit& to);
    void fill(const ScriptSays& says, Recording_Says& to);
    void fill(const Look& look, Recording_Look& to);
    void fill(const GuestPart& guest, Recording_Guest& to);

    EntryBuffer& entries_;
    Interner& interner_;
    Recording_Entry hit_entry_, look_entry_;
    std::uint64_t last_ns_ = 0, last_seq_ = 0;
    std::optional<Value> last_new_;
};

} // namespace stakeout
