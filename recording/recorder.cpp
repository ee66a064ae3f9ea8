#include "recording/recorder.h"

#include "base/monotonic_clock.h"
#include "recording/limits.h"

#include <cstdlib>

namespace stakeout {
namespace {

namespace limits = recording_limits;

// Reading two clocks one after the other makes some microseconds; setting one makes more.
constexpr std::int64_t clock_noise_ns = 1'000'000;

} // namespace

Recorder::Recorder(RecordingFacts facts, std::unique_ptr<BlockStore> store, Say say)
    : store_(std::move(store)), say_(std::move(say)), encoder_(std::move(facts)) {}

Recorder::~Recorder() { finish_block(); }

void Recorder::begin_block(std::uint64_t now_ns) {
    const bool segment = !begun_ || store_->wants_segment() || encoder_.wants_segment();
    begun_ = true;
    if (segment) {
        clock_ = {now_ns, wall_ahead_ns()};
        encoder_.begin_segment(clock_, lost_told_ = lost());
    } else {
        follow_clock(now_ns);
        tell_lost();
    }
    block_since_ns_ = monotonic_ns(); // not now_ns: hits may come late
}

std::uint64_t Recorder::lost() const { return store_->lost_hits() + encoder_.left_out(); }

void Recorder::tell_lost() {
    if (lost() == lost_told_) return;
    lost_told_ = lost();
    encoder_.add_lost(lost_told_);
}

void Recorder::follow_clock(std::uint64_t now_ns) {
    const std::int64_t ahead = wall_ahead_ns();
    if (std::abs(ahead - clock_.wall_ahead_ns) < clock_noise_ns) return;
    clock_ = {now_ns, ahead};
    encoder_.add(clock_);
}

template <class Told>
void Recorder::record(const Told& told, std::uint64_t now_ns) {
    if (block_since_ns_ == 0) begin_block(now_ns);
    encoder_.add(told);
    if (encoder_.bytes_waiting() >= limits::block_bytes) finish_block();
}

// A hit tells the time itself, which a look at the clock would cost a twentieth of recording it.
void Recorder::on_hit(const Hit& hit) {
    record(hit, hit.time_ns);
    if (block_since_ns_ != 0 && hit.time_ns > block_since_ns_ + limits::block_ns) finish_block();
}
void Recorder::on_armed(const Armed& armed) { record(armed, monotonic_ns()); }
void Recorder::on_look(const Look& look) { record(look, monotonic_ns()); }
void Recorder::on_notice(const Notice& notice) { record(notice, monotonic_ns()); }
void Recorder::on_brake(const BrakeInterval& interval) { record(interval, monotonic_ns()); }
void Recorder::on_coverage(const CoverageChange& change) { record(change, monotonic_ns()); }

void Recorder::on_summary(const Summary& summary) {
    if (block_since_ns_ == 0) begin_block(monotonic_ns());
    tell_lost();
    encoder_.add(summary);
    finish_block();
}

void Recorder::finish_block() {
    if (block_since_ns_ == 0) return;
    block_since_ns_ = 0;
    store_->put(encoder_.finish_block());
}

bool Recorder::flush() {
    if (block_since_ns_ != 0 && monotonic_ns() > block_since_ns_ + limits::block_ns) finish_block();
    if (const auto trouble = store_->take_trouble(); trouble && say_) say_(*trouble);
    return true;
}

} // namespace stakeout
