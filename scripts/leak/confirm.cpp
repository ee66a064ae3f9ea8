#include "scripts/leak/confirm.h"

#include "base/monotonic_clock.h"
#include "scripts/diagnosis/coverage_evidence.h"
#include "scripts/leak/allocation_stack.h"
#include "watchpoints/target/resolver.h"

#include <fmt/format.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <thread>

namespace stakeout {
namespace {

constexpr std::uint64_t word = 8;

bool is_part_of_freeing(const Hit& hit) {
    const auto& stack = hit.user_mode ? hit.user_stack : hit.kernel_stack;
    return std::any_of(stack.begin(), stack.end(), is_deallocator);
}

// What a round hears of its watch; called by the watch's thread.
class RoundListener final : public WatchListener {
  public:
    RoundListener(std::vector<WatchedPlace>& places, WatchListener* record)
        : places_(places), record_(record) {}

    void on_hit(const Hit& hit) override {
        if (record_ != nullptr) record_->on_hit(hit);
        if (hit.target_index >= places_.size() || is_part_of_freeing(hit)) return;
        WatchedPlace& place = places_[hit.target_index];
        if (place.touches++ == 0) {
            place.touch = hit;
            ++touched_;
        }
    }
    void on_summary(const Summary& summary) override {
        summary_ = summary;
        if (record_ != nullptr) record_->on_summary(summary);
    }
    void on_armed(const Armed& armed) override {
        if (record_ != nullptr) record_->on_armed(armed);
    }
    void on_look(const Look&) override {}
    void on_notice(const Notice&) override {}
    void on_brake(const BrakeInterval& interval) override {
        if (record_ != nullptr) record_->on_brake(interval);
    }
    void on_coverage(const CoverageChange& change) override {
        if (record_ != nullptr) record_->on_coverage(change);
    }
    bool flush() override {
        if (record_ != nullptr) (void)record_->flush();
        return true;
    }
    [[nodiscard]] bool has_room() const override { return record_ == nullptr || record_->has_room(); }
    [[nodiscard]] bool is_behind() const override { return record_ != nullptr && record_->is_behind(); }
    [[nodiscard]] std::uint64_t written() const override {
        return record_ == nullptr ? 0 : record_->written();
    }
    [[nodiscard]] bool has_enough() const override { return touched_ == places_.size(); }

    [[nodiscard]] const Summary& summary() const { return summary_; }

  private:
    std::vector<WatchedPlace>& places_;
    WatchListener* record_; // may be null
    std::size_t touched_ = 0;
    Summary summary_;
};

TargetQuery query_for(std::optional<int> pid, const std::vector<WatchedPlace>& places) {
    TargetQuery query;
    query.pid = pid;
    for (const WatchedPlace& place : places) {
        const std::uint64_t from = place.object.address + place.offset;
        query.addresses.push_back(fmt::format("{:#x}-{:#x}", from, from + place.length));
    }
    return query;
}

} // namespace

std::vector<Place> places_in(std::uint64_t size, std::size_t most) {
    if (size < word) return {{0, size == 0 ? 1 : std::bit_floor(size)}};
    const std::uint64_t words = size / word;
    std::vector<std::uint64_t> order{0, 1, words - 1};
    // Halves, quarters, eighths: each further place is as far as can be from those before.
    for (std::uint64_t parts = 2; parts <= 16 && parts <= words; parts *= 2)
        for (std::uint64_t part = 1; part < parts; part += 2) order.push_back(words * part / parts);
    for (std::uint64_t i = 0; i < words && i < most; ++i) order.push_back(i);
    std::vector<Place> places;
    for (const std::uint64_t index : order) {
        const bool is_new = std::none_of(places.begin(), places.end(), [index](const Place& place) {
            return place.offset == index * word;
        });
        if (index < words && is_new && places.size() < most) places.push_back({index * word, word});
    }
    return places;
}

struct WatchRound::State {
    std::vector<WatchedPlace> places;
    std::unique_ptr<Resolution> resolution; // its symbols are the watch's
    std::unique_ptr<Watch> watch;
    std::unique_ptr<RoundListener> listener;
    OwnedFd stop;
    std::uint64_t began_ns = 0;
    std::atomic<bool> ended = false;
    std::jthread thread; // joined before all above go
    Armed armed;

    void end_watch() {
        if (!thread.joinable()) return;
        ::eventfd_write(stop.get(), 1);
        thread.join();
    }
};

WatchRound::WatchRound() : state_(std::make_unique<State>()) {}
WatchRound::~WatchRound() { state_->end_watch(); }

Result<std::unique_ptr<WatchRound>> WatchRound::begin(std::optional<int> pid,
                                                      std::vector<WatchedPlace> places,
                                                      std::chrono::nanoseconds time_to_live,
                                                      WatchListener* record) {
    std::unique_ptr<WatchRound> round(new WatchRound()); // NOLINT(cppcoreguidelines-owning-memory): private
    State& s = *round->state_;
    auto resolution = resolve(query_for(pid, places), {});
    if (!resolution) return std::move(resolution).error();
    s.resolution = std::make_unique<Resolution>(std::move(*resolution));
    s.stop.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!s.stop) return internal_error("watch objects", "no eventfd", errno);
    WatchRequest request;
    request.targets = s.resolution->targets;
    request.process = s.resolution->process;
    request.process_is_ours = true; // its end is no failure of ours
    request.kind = AccessKind::ReadWrite;
    request.time_to_live = time_to_live;
    request.kernel_symbols = s.resolution->symbols.get();
    auto watch = Watch::arm(std::move(request));
    if (!watch) return std::move(watch).error();
    s.watch = std::move(*watch);
    s.armed = s.watch->armed();
    s.places = std::move(places);
    s.listener = std::make_unique<RoundListener>(s.places, record);
    s.began_ns = monotonic_ns();
    s.thread = std::jthread([&s] {
        (void)s.watch->run(*s.listener, s.stop.get());
        s.ended = true;
    });
    return round;
}

bool WatchRound::is_decided() const { return state_->ended; }

std::chrono::nanoseconds WatchRound::lasted() const {
    return std::chrono::nanoseconds(monotonic_ns() - state_->began_ns);
}

std::vector<WatchedPlace> WatchRound::finish(const Collector& collector) {
    State& s = *state_;
    s.end_watch();
    const Summary& summary = s.listener->summary();
    const bool complete = covered_everything(s.armed, summary);
    for (WatchedPlace& place : s.places) {
        place.seconds = static_cast<double>(summary.duration_ns) / 1e9;
        const auto now = collector.object(place.object.address);
        const bool lives = now && now->time_ns == place.object.facts.time_ns;
        using Outcome = WatchedPlace::Outcome;
        place.outcome = place.touches != 0 ? Outcome::Touched
                        : !lives           ? Outcome::Freed
                        : complete         ? Outcome::Quiet
                                           : Outcome::Unwatched;
    }
    return s.places;
}

const Armed& WatchRound::armed() const { return state_->armed; }
const Summary& WatchRound::summary() const { return state_->listener->summary(); }

} // namespace stakeout
