// libFuzzer: recordings that nobody made. The first byte says what the others are: a file as it is, or
// entries behind a sound beginning, in a block whose checksum is right. What is read of it must survive being
// recorded again.
#include "recording/compressor.h"
#include "recording/deaf_listener.h"
#include "recording/encoder.h"
#include "recording/recording.pb.h"
#include "recording/replay.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

using namespace stakeout;

namespace {

// Records what it is told, and counts.
class Again final : public DeafListener {
  public:
    Again() : encoder_(RecordingFacts{}, {}) { encoder_.begin_segment({}, 0); }
    void on_armed(const Armed& armed) override { encoder_.add(armed); }
    void on_hit(const Hit& hit) override {
        encoder_.add(hit);
        ++hits_;
    }
    void on_look(const Look& look) override { encoder_.add(look); }
    void on_notice(const Notice& notice) override { encoder_.add(notice); }
    void on_brake(const BrakeInterval& interval) override { encoder_.add(interval); }
    void on_coverage(const CoverageChange& change) override { encoder_.add(change); }
    void on_summary(const Summary& summary) override { encoder_.add(summary); }

    [[nodiscard]] std::uint64_t hits() const { return hits_ - encoder_.left_out(); }
    [[nodiscard]] std::string recording() { return encoder_.finish_block().bytes; }

  private:
    Encoder encoder_;
    std::uint64_t hits_ = 0;
};

std::string in_a_block(const std::uint8_t* data, std::size_t size) {
    Recording beginning;
    beginning.add_entry()->mutable_header()->set_schema(1);
    beginning.add_entry()->mutable_armed()->add_target();
    const std::string entries = beginning.SerializeAsString();
    std::vector<std::uint8_t> all(entries.begin(), entries.end());
    all.insert(all.end(), data, data + size);
    return Compressor().compress(all);
}

template <class Listener>
Replayed replay(const std::string& recording, std::size_t piece, Listener& listener) {
    Replay reader(listener);
    for (auto rest = std::as_bytes(std::span(recording)); !rest.empty();) {
        const auto now = rest.first(std::min(piece, rest.size()));
        if (auto fed = reader.feed(now); !fed) {
            if (fed.error().failure != Failure::Usage || fed.error().sentence().empty()) std::abort();
            return reader.replayed();
        }
        rest = rest.subspan(now.size());
    }
    (void)reader.end();
    reader.conclude();
    return reader.replayed();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const bool as_it_is = (data[0] & 1) != 0;
    const std::string recording =
        as_it_is ? std::string(data + 1, data + size) : in_a_block(data + 1, size - 1);
    Again again;
    const Replayed read = replay(recording, 1 + data[0], again);
    for (const Damage& damage : read.damage)
        if (damage.offset > recording.size() || damage.sentence(read.hits).empty()) std::abort();
    DeafListener nobody;
    const Replayed second = replay(again.recording(), 4096, nobody);
    // Two recordings in one name targets that only one of them has.
    const bool is_one = read.facts && read.damage.empty();
    if (is_one && second.hits != again.hits() && second.damage.empty()) std::abort();
    return 0;
}
