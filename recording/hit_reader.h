// Entries of hits and looks -> hits and looks: the reverse of HitWriter.
#pragma once

#include "recording/dictionary.h"

namespace stakeout {

class HitReader {
  public:
    explicit HitReader(const Dictionary& dictionary) : dictionary_(dictionary) {}

    // A new segment. False: no recording of ours begins at such a time.
    [[nodiscard]] bool begin(std::uint64_t time_ns, std::uint64_t seq);

    // nullopt: it names what was not told, or its numbers are none that there can be.
    [[nodiscard]] std::optional<Hit> read(const Recording_Hit& wire);
    [[nodiscard]] std::optional<Look> read(const Recording_Look& wire);

  private:
    [[nodiscard]] bool read_values(const Recording_Hit& wire, Hit& hit) const;
    [[nodiscard]] bool read_also(const Recording_Also& wire, Hit& hit);
    [[nodiscard]] std::optional<Look> read_look(const Recording_Look& wire);
    [[nodiscard]] std::optional<ScriptSays> read(const Recording_Says& wire);
    [[nodiscard]] std::optional<GuestPart> read(const Recording_Guest& wire);
    [[nodiscard]] bool name(std::uint32_t id, std::string& into);

    const Dictionary& dictionary_;
    std::size_t name_bytes_ = 0; // that the entry at hand has taken: two bytes could name a long text
    std::uint64_t last_ns_ = 0, last_seq_ = 0;
    std::optional<Value> last_new_;
};

} // namespace stakeout
