// The observation: windows opened and closed, points taken, and from the middle on the oldest objects
// watched.
#include "scripts/leak/leak.h"

#include "base/monotonic_clock.h"
#include "base/owned_fd.h"
#include "scripts/leak/collector.h"
#include "scripts/leak/duty_cycle.h"
#include "scripts/leak/observation.h"
#include "watchpoints/arm/free_slots.h"
#include "watchpoints/arm/online_cpus.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace stakeout {
namespace {

using std::chrono::nanoseconds;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr int points_wanted = 48; // in --for
constexpr std::size_t slots_at_most = 3;

class LeakRun {
  public:
    LeakRun(const LeakRequest& request, Collector& collector,
            const std::function<void(const std::string&)>& say)
        : request_(request), collector_(collector), say_(say),
          older_(request.older.value_or(request.observe / 3)),
          per_allocation_(collector.probe_cost().entry_and_return), cycle_(per_allocation_) {
        if (request.pid) {
            process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, *request.pid, 0)));
            symboliser_.notice_process(static_cast<std::uint32_t>(*request.pid));
        }
    }

    Result<Diagnosis> run(const std::function<Status()>& begin) {
        if (auto opened = collector_.open_window(); !opened) return std::move(opened).error();
        if (auto begun = begin(); !begun) return std::move(begun).error();
        began_ = next_point_ = next_learning_ = Clock::now();
        next_slow_look_ = began_ + 500ms;
        say_(fmt::format("observing {} for {:.0f} s", request_.target,
                         std::chrono::duration<double>(request_.observe).count()));
        while (ended_.empty())
            if (auto turned = turn(); !turned) return std::move(turned).error();
        return conclude();
    }

  private:
    Status turn() {
        const auto now = Clock::now();
        if (auto windowed = look_after_windows(now); !windowed) return windowed;
        if (now >= next_point_) take_point(now);
        if (now >= next_slow_look_) slow_look(now);
        look_after_watching(now);
        look_for_end(now);
        if (ended_.empty()) wait();
        return done();
    }

    // Always open while that is cheap; else closed for as long as the budget wants after each window.
    Status look_after_windows(Clock::time_point now) {
        if (now < next_learning_) return done();
        const leak_counters sums = collector_.counters();
        const double room =
            1 - static_cast<double>(sums.tracked - freed_of_tracked_) / static_cast<double>(LEAK_OBJECTS);
        if (collector_.window_is_open()) {
            cycle_.learn(sums.entries, sums.work_ns, collector_.exposure(), room);
            if (cycle_.always()) {
                next_learning_ = now + 50ms;
                return done();
            }
            sampled_ = true;
            collector_.close_window();
            take_point(now);
            next_learning_ = Clock::now() + cycle_.pause();
            return done();
        }
        if (auto opened = collector_.open_window(); !opened) return program_gone() ? done() : opened;
        next_learning_ = Clock::now() + cycle_.window();
        return done();
    }

    void take_point(Clock::time_point now) {
        const auto groups = collector_.groups();
        freed_of_tracked_ = 0;
        for (const TrackedGroup& group : groups) freed_of_tracked_ += group.sums.frees;
        add_points(histories_, groups, collector_.exposure());
        next_point_ = now + std::clamp<nanoseconds>(request_.observe / points_wanted, 50ms, 2s);
    }

    // dlopen() and frames that can be told only while the process lives.
    void slow_look(Clock::time_point now) {
        next_slow_look_ = now + 2s;
        collector_.follow_maps();
        if (!program_gone()) (void)suspects(now);
    }

    struct Suspect {
        const GroupHistory* history;
        GroupView view;
        std::vector<Frame> frames;
    };

    // The most important first: by bytes alive.
    std::vector<Suspect> suspects(Clock::time_point) {
        const std::uint64_t now_ns = monotonic_ns();
        find_old_objects(histories_, collector_.objects(), now_ns, older_);
        std::vector<Suspect> found;
        for (const auto& [site, history] : histories_) {
            GroupView view = judge(history, now_ns);
            if (!view.suspicious) continue;
            auto frames = allocation_frames(site, collector_.stack(site.stack), request_.pid, symboliser_);
            if (!is_slab_page(site, frames)) found.push_back({&history, std::move(view), std::move(frames)});
        }
        std::sort(found.begin(), found.end(),
                  [](const Suspect& a, const Suspect& b) { return a.view.live_bytes > b.view.live_bytes; });
        if (found.size() > request_.top) found.resize(request_.top);
        return found;
    }

    void look_after_watching(Clock::time_point now) {
        if (round_) {
            if (round_->is_decided() || round_->lasted() >= request_.idle) finish_round();
            return;
        }
        // A group must have had time to show that it grows before its objects are worth a debug register.
        if (now < began_ + request_.observe / 2 || now < next_round_ || program_gone()) return;
        next_round_ = now + std::clamp<nanoseconds>(request_.observe / 20, 100ms, 2s);
        std::vector<const GroupHistory*> groups;
        for (const Suspect& suspect : suspects(now)) groups.push_back(suspect.history);
        undecided_ = std::count_if(groups.begin(), groups.end(), [this](const GroupHistory* group) {
            return !confirmation_.is_decided(group->site) && can_be_watched(group->site);
        });
        std::erase_if(groups, [](const GroupHistory* group) { return !can_be_watched(group->site); });
        if (undecided_ != 0) begin_round(groups);
    }

    // Pages are known by their struct page; whoever uses them goes through the direct map.
    static bool can_be_watched(const leak_site& site) { return site.what != LEAK_PAGES; }

    void begin_round(const std::vector<const GroupHistory*>& groups) {
        const std::size_t slots = usable_slots();
        if (slots == 0) return;
        auto places = confirmation_.next_places(groups, slots);
        if (places.empty()) return;
        const bool open = collector_.window_is_open();
        if (sampled_ && open) collector_.close_window(); // arming takes longer than a window
        collector_.settle();                             // and starts a process
        auto begun = WatchRound::begin(request_.pid, std::move(places), request_.idle + 60s, request_.record);
        if (!begun) {
            watch_refused_ = begun.error().sentence();
            return;
        }
        round_ = std::move(*begun);
        watch_refused_.clear();
        ++rounds_;
    }

    // One stays free for others; and no more than a round can use.
    std::size_t usable_slots() {
        const auto cpus = online_cpus();
        int least = static_cast<int>(slots_per_cpu);
        for (const std::uint32_t cpu : cpus ? *cpus : std::vector<std::uint32_t>{0}) {
            const auto free = free_slots(cpu);
            least = std::min(least, free ? *free : 0);
        }
        const int kept = request_.all_slots ? 0 : 1;
        const int usable = std::max(0, least - kept);
        if (usable == 0)
            watch_refused_ = fmt::format("{} of {} debug registers are free, and one is left to others",
                                         least, slots_per_cpu);
        slots_ = std::max<std::size_t>(slots_, static_cast<std::size_t>(usable));
        return std::min<std::size_t>(static_cast<std::size_t>(usable),
                                     request_.all_slots ? slots_per_cpu : slots_at_most);
    }

    void finish_round() {
        auto places = round_->finish(collector_);
        // Less than --idle without a touch says nothing: the program or the user has ended it.
        const double idle = std::chrono::duration<double>(request_.idle).count();
        for (WatchedPlace& place : places)
            if (place.outcome == WatchedPlace::Outcome::Quiet && place.seconds < idle * 0.99)
                place.outcome = WatchedPlace::Outcome::Unwatched;
        confirmation_.learn(places);
        round_.reset();
        next_round_ = Clock::now();
    }

    bool program_gone() {
        if (!process_) return false;
        pollfd look{process_.get(), POLLIN, 0};
        return ::poll(&look, 1, 0) > 0;
    }

    void look_for_end(Clock::time_point now) {
        if (program_gone()) ended_ = "the program ended";
        if (now >= began_ + request_.time_to_live) ended_ = "the time to live is over";
        if (now < began_ + request_.observe || round_) return;
        // Undecided groups are waited for; `undecided_` is as of the last attempt.
        if (undecided_ == 0 || !watch_refused_.empty() || now < next_round_) {
            if (undecided_ != 0 && watch_refused_.empty()) return;
            if (!watch_refused_.empty() && refusals_++ < 10) return;
            ended_ = "the time of observation is over";
        }
    }

    void wait() {
        const auto now = Clock::now();
        auto next = std::min({next_point_, next_learning_, now + 50ms});
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(next - now).count();
        std::array<pollfd, 2> fds{
            {{request_.stop_fd, POLLIN, 0}, {process_ ? process_.get() : -1, POLLIN, 0}}};
        if (::poll(fds.data(), fds.size(), static_cast<int>(std::max<std::int64_t>(1, left))) <= 0) return;
        if (fds[0].revents != 0) ended_ = "it was asked to end";
    }

    Diagnosis conclude() {
        const auto now = Clock::now();
        Observation seen;
        seen.seconds = std::chrono::duration<double>(now - began_).count();
        seen.program_gone = program_gone();
        if (round_) finish_round();
        take_point(now);
        seen.limit = nearest_memory_limit(seen.program_gone ? std::nullopt : request_.pid);
        seen.counters = collector_.counters();
        collector_.close_window();
        seen.exposure = std::chrono::duration<double>(collector_.exposure()).count();
        seen.groups_seen = histories_.size();
        for (Suspect& suspect : suspects(now))
            seen.groups.push_back({suspect.history, std::move(suspect.view), std::move(suspect.frames),
                                   confirmation_.of(suspect.history->site)});
        seen.probe_cost = collector_.probe_cost();
        seen.whole = now >= began_ + request_.observe;
        seen.ended = ended_;
        seen.watch_refused = watch_refused_;
        seen.slots = slots_;
        seen.rounds = rounds_;
        return report_leak(request_, seen);
    }

    const LeakRequest& request_;
    Collector& collector_;
    const std::function<void(const std::string&)>& say_;
    const nanoseconds older_;
    const nanoseconds per_allocation_;
    DutyCycle cycle_;
    Symboliser symboliser_;
    OwnedFd process_;
    Histories histories_;
    Confirmation confirmation_;
    std::unique_ptr<WatchRound> round_;

    Clock::time_point began_, next_point_, next_learning_, next_slow_look_, next_round_;
    bool sampled_ = false;
    std::uint64_t freed_of_tracked_ = 0;
    std::ptrdiff_t undecided_ = 0;
    std::size_t slots_ = 0, rounds_ = 0;
    int refusals_ = 0;
    std::string ended_, watch_refused_;
};

} // namespace

Result<Diagnosis> diagnose_leak(const LeakRequest& request, const std::function<Status()>& begin,
                                const std::function<void(const std::string&)>& say) {
    auto collector = Collector::start({request.pid, request.older.value_or(request.observe / 3)});
    if (!collector) return std::move(collector).error();
    return LeakRun(request, **collector, say).run(begin);
}

} // namespace stakeout
