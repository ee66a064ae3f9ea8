// The loop of an armed watch: hits out, brake and CPUs looked after, until something ends it.
//
// There is no wake-up per hit (it would cost as much as the exception): the ring is read on a timer, every 5
// ms while hits come and every 50 ms when none do (200 ms in a watch that is kept: it has all night), and at
// once when the program forces a wake-up (a process's first hit, the last hit of a count).
#include "watchpoints/arm/companion.h"
#include "watchpoints/arm/target_mover.h"
#include "watchpoints/arm/watch_state.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>

namespace stakeout {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;
constexpr int busy_wait_ms = 5;
constexpr int idle_wait_ms = 50;
constexpr int kept_idle_wait_ms = 200;
constexpr std::size_t records_at_a_time = 2048; // then the other duties get their turn

} // namespace

class WatchLoop final : public RunningWatch {
  public:
    WatchLoop(Watch::State& state, WatchListener& listener, int stop_fd, WatchCompanion* companion)
        : s_(state), listener_(listener), stop_fd_(stop_fd), companion_(companion), mover_(state) {}

    Summary run() {
        set_deadline(s_.deadline_ns);
        while (!over_) turn();
        finish();
        return s_.summary;
    }

    [[nodiscard]] Summary counts() const override {
        Summary sum = s_.summary;
        count_up(sum);
        return sum;
    }
    [[nodiscard]] std::uint64_t deadline_ns() const override { return s_.deadline_ns; }
    [[nodiscard]] std::vector<std::uint32_t> cpus_armed() const override { return s_.coverage->cpus(); }
    [[nodiscard]] std::size_t cpus_online() const override { return online_count(); }
    [[nodiscard]] std::vector<std::uint32_t> cpus_braked() const override {
        std::vector<std::uint32_t> cpus;
        cpus.reserve(s_.braked_since.size());
        for (const auto& [cpu, since] : s_.braked_since) cpus.push_back(cpu);
        return cpus;
    }

    [[nodiscard]] Status renew(std::chrono::nanoseconds time_to_live) override {
        const std::uint64_t now = monotonic_ns();
        if (over_ || now >= s_.deadline_ns || !s_.guardian->begin_change())
            return lost_target("renew the watch", "its time to live is over", "start it anew");
        s_.deadline_ns = now + static_cast<std::uint64_t>(time_to_live.count());
        s_.request.time_to_live = time_to_live;
        s_.guardian->set_deadline(s_.deadline_ns);
        s_.guardian->end_change();
        s_.program->set_deadline(s_.deadline_ns);
        set_deadline(s_.deadline_ns);
        return done();
    }

    void end(std::string reason) override { end(EndedBy::User, std::move(reason)); }

  private:
    void set_deadline(std::uint64_t deadline_ns) { notice_at_ns_ = deadline_ns - notice_before(); }

    void turn() {
        const bool busy = show_hits();
        if (over_) return;
        const std::uint64_t now = monotonic_ns();
        look_after_brake(now);
        follow_objects();
        if (companion_ != nullptr) companion_->turn(*this); // before the clock: a renewal in time counts
        look_after_clock(now);
        look_for_end();
        if (auto what = s_.life.ended()) end(EndedBy::Target, *what);
        if (now >= next_slow_look_ns_) {
            next_slow_look_ns_ = now + second_ns;
            if (++slow_looks_ % 3 == 0) s_.symboliser.rest();
            follow_cpus(now);
            if (auto what = s_.life.replaced()) end(EndedBy::Target, *what);
        }
        if (!over_) wait(busy ? busy_wait_ms : idle_wait());
    }

    // A CPU that the brake has stopped wants to be armed again in time, and the notice to come before the
    // end.
    [[nodiscard]] int idle_wait() const {
        if (!s_.request.kept || !s_.braked_since.empty()) return idle_wait_ms;
        const std::uint64_t next = std::min(notice_at_ns_, s_.deadline_ns);
        const std::uint64_t now = monotonic_ns();
        const std::uint64_t left_ms = next > now ? (next - now) / 1'000'000 : 0;
        return static_cast<int>(std::clamp<std::uint64_t>(left_ms, busy_wait_ms, kept_idle_wait_ms));
    }

    void follow_objects() {
        if (s_.request.succession == nullptr) return;
        if (auto moved = s_.request.succession->turn(mover_); !moved)
            end(EndedBy::Failure, moved.error().sentence());
    }

    void look_for_end() {
        if (listener_.has_enough()) end(EndedBy::Listener, "it has seen enough");
        if (s_.reader->met_stop()) end(EndedBy::Script, "the script stopped it");
        if (!s_.program->has_ended()) return;
        if (s_.program->stopped_by_script())
            end(EndedBy::Script, "the script stopped it");
        else if (s_.request.count != 0)
            end(EndedBy::Count, "the asked number of hits was reached");
    }

    void end(EndedBy by, std::string reason) {
        if (over_) return;
        over_ = true;
        s_.summary.ended_by = by;
        s_.summary.reason = std::move(reason);
    }

    // The notice comes a minute before the end, or a tenth of the time to live where that is shorter.
    [[nodiscard]] std::uint64_t notice_before() const {
        return std::min<std::uint64_t>(60 * second_ns,
                                       static_cast<std::uint64_t>(s_.request.time_to_live.count()) / 10);
    }

    // Hands on what is in the ring; true if there was anything.
    bool show_hits() {
        std::size_t taken = 0;
        if (listener_.has_room()) taken = s_.reader->drain(monotonic_ns(), records_at_a_time);
        show_taken();
        if (!listener_.flush()) end(EndedBy::OutputClosed, "the output was closed by its reader");
        return taken > 0;
    }

    void show_taken() {
        while (!s_.taken.empty()) {
            const JoinedHit joined = std::move(s_.taken.front());
            s_.taken.pop_front();
            show(s_.builder->build(joined));
        }
        while (!s_.looks.empty()) {
            const Look look = s_.builder->build(s_.looks.front());
            s_.looks.pop_front();
            if (look.kept) listener_.on_look(look);
        }
    }

    void show(Hit hit) {
        if (s_.request.kind == AccessKind::Read) {
            if (hit.access == Access::Write) {
                ++s_.summary.filtered;
                return;
            }
            hit.seq -= s_.summary.filtered; // what is shown has no hole
        }
        if (!is_wanted(hit)) return;
        if (s_.reader_counts && s_.request.count != 0 && shown_ >= s_.request.count) return;
        std::erase_if(hit.looks, [](const Look& look) { return !look.kept; });
        ++shown_;
        listener_.on_hit(hit);
        if (s_.reader_counts && shown_ == s_.request.count)
            end(EndedBy::Count, "the asked number of hits was reached");
    }

    // The reader's own rules, and the follow-up's verdict where the hit was left to it.
    bool is_wanted(const Hit& hit) {
        Dropped& dropped = s_.summary.dropped;
        const bool refused =
            std::any_of(hit.looks.begin(), hit.looks.end(), [](const Look& l) { return !l.kept; });
        if (hit.undecided && refused) {
            ++dropped.follow_up;
            return false;
        }
        if (s_.request.rules.reader == nullptr) return true;
        const auto drop = s_.request.rules.reader->drops(hit);
        if (!drop) return true;
        switch (*drop) {
        case HitFilter::Drop::Comm:
            ++dropped.reader_comm;
            break;
        case HitFilter::Drop::Stack:
            ++dropped.reader_stack;
            break;
        case HitFilter::Drop::When:
            ++dropped.reader_when;
            break;
        }
        return false;
    }

    void look_after_brake(std::uint64_t now) {
        if (!s_.request.brake.on) return;
        for (const std::uint32_t cpu : s_.coverage->cpus()) {
            const so_cpu counters = s_.program->counters(cpu);
            std::uint64_t stopped = counters.stopped_mask;
            std::uint64_t since = counters.stopped_ns;
            std::uint64_t resume_at =
                counters.window_start_ns + static_cast<std::uint64_t>(Brake::window.count());
            if (s_.calibration.stop_way == StopWay::ByLimit) {
                stopped = refill_window(cpu, now);
                since = counters.last_hit_ns;
                resume_at = since + static_cast<std::uint64_t>((Brake::window - Brake::budget).count());
            }
            if (stopped == 0) continue;
            s_.braked_since.emplace(cpu, since);
            if (now >= resume_at) resume(cpu, stopped, now);
        }
    }

    // ByLimit: the limit is refilled once a window; slots that have run out are stopped.
    std::uint64_t refill_window(std::uint32_t cpu, std::uint64_t now) {
        std::uint64_t& next = next_refill_ns_[cpu];
        if (now < next) return 0;
        next = now + static_cast<std::uint64_t>(Brake::window.count());
        return s_.coverage->refill(cpu);
    }

    void resume(std::uint32_t cpu, std::uint64_t stopped, std::uint64_t now) {
        const auto since = s_.braked_since.find(cpu);
        auto rearmed = s_.coverage->rearm(cpu, stopped);
        if (!rearmed) {
            report_lost_slot(cpu, now, rearmed.error());
            return;
        }
        report_regained_slot(cpu);
        if (since == s_.braked_since.end()) return;
        report_brake(cpu, since->second, monotonic_ns());
        s_.braked_since.erase(since);
    }

    void report_brake(std::uint32_t cpu, std::uint64_t from, std::uint64_t to) {
        const BrakeInterval interval{cpu, from, std::max(from, to)};
        ++s_.summary.braked;
        s_.summary.braked_ns += interval.to_ns - interval.from_ns;
        listener_.on_brake(interval);
    }

    // Somebody took the slot between the stop and the new event: tried again at every turn, told once.
    void report_lost_slot(std::uint32_t cpu, std::uint64_t now, const Error& error) {
        if (!slot_lost_since_.emplace(cpu, now).second) return;
        listener_.on_coverage({cpu, true, false, now, 0, error.sentence(),
                               armed_count() - slot_lost_since_.size(), online_count()});
    }

    void report_regained_slot(std::uint32_t cpu) {
        const auto lost = slot_lost_since_.extract(cpu);
        if (!lost) return;
        listener_.on_coverage({cpu, true, true, lost.mapped(), monotonic_ns(), "its slot is free again",
                               armed_count() - slot_lost_since_.size(), online_count()});
    }

    void look_after_clock(std::uint64_t now) {
        if (now >= s_.deadline_ns) end(EndedBy::TimeToLive, "its time to live is over");
        if (now < notice_at_ns_ || over_) return;
        notice_at_ns_ = UINT64_MAX;
        const std::chrono::nanoseconds left(s_.deadline_ns - now);
        listener_.on_notice({fmt::format("this watch ends in {:.0f} s, when its time to live is over",
                                         std::chrono::duration<double>(left).count()),
                             left});
    }

    [[nodiscard]] std::size_t armed_count() const { return s_.coverage->cpus().size(); }
    [[nodiscard]] std::size_t online_count() const { return s_.armed.cpus_online.size(); }

    void follow_cpus(std::uint64_t now) {
        auto online = online_cpus();
        if (!online) return;
        s_.armed.cpus_online = *online;
        for (const std::uint32_t cpu : s_.coverage->cpus()) {
            if (std::find(online->begin(), online->end(), cpu) != online->end()) continue;
            s_.coverage->remove(cpu);
            s_.braked_since.erase(cpu);
            slot_lost_since_.erase(cpu);
            s_.offline_since[cpu] = now;
            listener_.on_coverage(
                {cpu, false, false, 0, 0, "the CPU went offline", armed_count(), online_count()});
        }
        for (const std::uint32_t cpu : *online) {
            if (s_.coverage->covers(cpu)) continue;
            auto added = s_.coverage->add(cpu);
            const auto since = s_.offline_since.find(cpu);
            const std::uint64_t gap_from = since != s_.offline_since.end() ? since->second : s_.armed_at_ns;
            if (!added) {
                if (since == s_.offline_since.end()) s_.offline_since[cpu] = now;
                listener_.on_coverage(
                    {cpu, true, false, gap_from, 0, added.error().sentence(), armed_count(), online_count()});
                continue;
            }
            if (FollowUps* follow_ups = s_.stages->follow_ups(); follow_ups != nullptr)
                (void)follow_ups->add_cpu(cpu); // where that fails its follow-ups are counted as not done
            listener_.on_coverage({cpu, true, true, gap_from, monotonic_ns(), "the CPU came online",
                                   armed_count(), online_count()});
            s_.offline_since.erase(cpu);
        }
    }

    void wait(int milliseconds) {
        std::vector<pollfd> fds{{stop_fd_, POLLIN, 0}, {s_.cpu_news.fd(), POLLIN, 0}};
        // A full output leaves the ring readable: not waiting for it then.
        if (listener_.has_room())
            for (const int fd : s_.reader->poll_fds()) fds.push_back({fd, POLLIN, 0});
        for (const int fd : s_.life.poll_fds()) fds.push_back({fd, POLLIN, 0});
        if (s_.request.succession != nullptr) fds.push_back({s_.request.succession->fd(), POLLIN, 0});
        if (companion_ != nullptr) companion_->add_to(fds);
        if (::poll(fds.data(), fds.size(), milliseconds) <= 0) return;
        if (fds[0].revents != 0) end(EndedBy::User, "it was asked to end");
        if (fds[1].revents != 0 && s_.cpu_news.drain()) follow_cpus(monotonic_ns());
    }

    // No more hits from here on; shows what came until now, then counts.
    void finish() {
        if (s_.guardian->has_acted())
            s_.summary.reason = "its time to live is over; the guardian freed the slots";
        if (s_.request.succession != nullptr) s_.request.succession->end(mover_);
        s_.coverage->release_all();
        s_.program->end();
        await_follow_ups();
        ended_at_ns_ = last_progress_ns_ = monotonic_ns();
        while (wait_for_room(&WatchListener::has_room, true)) {
            const std::size_t taken = s_.reader->drain(monotonic_ns(), records_at_a_time);
            if (taken == 0) s_.reader->flush();
            show_taken();
            if (taken == 0) break;
        }
        for (const auto& [cpu, since] : s_.braked_since) report_brake(cpu, since, monotonic_ns());
        count_up(s_.summary);
        listener_.on_summary(s_.summary);
        (void)wait_for_room(&WatchListener::is_behind, false);
    }

    // Those that are due soon are still looked at; the others are counted as not done.
    void await_follow_ups() {
        const bool any = s_.stages->script() != nullptr && s_.stages->script()->follows_up();
        const std::uint64_t patience_ends = monotonic_ns() + second_ns;
        while (any && s_.program->follow_up_counts().waiting != 0 && monotonic_ns() < patience_ends) {
            ::poll(nullptr, 0, busy_wait_ms);
            if (listener_.has_room()) (void)s_.reader->drain(monotonic_ns(), records_at_a_time);
        }
    }

    // Flushes until the listener's answer to `question` is `wanted`; false: out of patience, or closed. A
    // reader that is slow gets all of it within a minute, one that has stopped reading is given up after 5 s.
    bool wait_for_room(bool (WatchListener::*question)() const, bool wanted) {
        while (listener_.flush()) {
            if ((listener_.*question)() == wanted) return true;
            const std::uint64_t now = monotonic_ns();
            if (listener_.written() != written_before_) {
                written_before_ = listener_.written();
                last_progress_ns_ = now;
            }
            if (now >= last_progress_ns_ + 5 * second_ns || now >= ended_at_ns_ + 60 * second_ns)
                return false;
            ::poll(nullptr, 0, busy_wait_ms);
        }
        return false;
    }

    // Adds the kernel's counters, which only grow, to what the reader has counted.
    void count_up(Summary& sum) const {
        std::uint64_t runs = 0;
        for (std::uint32_t cpu = 0; cpu < possible_cpus(); ++cpu) {
            const so_cpu counters = s_.program->counters(cpu);
            runs += counters.runs;
            sum.records += counters.recorded;
            sum.lost += counters.lost;
            sum.joined += counters.joined;
            sum.foreign += counters.foreign;
            sum.late += counters.late;
            sum.script_skipped += counters.script_skipped;
            sum.dropped.changed += counters.dropped[SO_DROP_CHANGED];
            sum.dropped.from += counters.dropped[SO_DROP_FROM];
            sum.dropped.comm += counters.dropped[SO_DROP_COMM];
            sum.dropped.when += counters.dropped[SO_DROP_WHEN];
            sum.dropped.script += counters.dropped[SO_DROP_SCRIPT];
        }
        sum.hits = sum.records + sum.lost + sum.dropped.in_kernel();
        sum.follow_ups = s_.program->follow_up_counts();
        const std::uint64_t counted = s_.coverage->counted();
        sum.unseen = counted > runs ? counted - runs : 0;
        sum.watch = s_.armed.watch;
        sum.duration_ns = monotonic_ns() - s_.armed_at_ns;
    }

    Watch::State& s_;
    WatchListener& listener_;
    int stop_fd_;
    WatchCompanion* companion_;
    WatchTargetMover mover_;
    bool over_ = false;
    std::uint64_t notice_at_ns_ = 0;
    std::uint64_t next_slow_look_ns_ = 0;
    std::uint64_t slow_looks_ = 0;
    std::uint64_t shown_ = 0;
    std::uint64_t ended_at_ns_ = 0, last_progress_ns_ = 0; // of the output, after the end
    std::uint64_t written_before_ = 0;
    std::map<std::uint32_t, std::uint64_t> next_refill_ns_;
    std::map<std::uint32_t, std::uint64_t> slot_lost_since_; // CPU -> since when somebody else has our slot
};

Summary Watch::run(WatchListener& listener, int stop_fd, WatchCompanion* companion) {
    listener.on_armed(state_->armed);
    return WatchLoop(*state_, listener, stop_fd, companion).run();
}

} // namespace stakeout
