// What a guest's watch does while it runs.
#include "xen-bridge/watch/guest_watch.h"

#include "base/monotonic_clock.h"
#include "watchpoints/arm/brake.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace stakeout {
namespace {

constexpr std::size_t most_kept = 1U << 17; // some 100 MB
constexpr std::uint64_t patience_ns = 5'000'000'000;
constexpr unsigned gathers_for_us = 10'000;
constexpr std::uint64_t audit_every_ns = 100'000'000;
constexpr std::uint64_t notice_before_ns = 60'000'000'000;
constexpr std::uint64_t window_ns = static_cast<std::uint64_t>(Brake::window.count());
constexpr std::uint64_t budget_ns = static_cast<std::uint64_t>(Brake::budget.count());
// What one debug exception costs a PV guest: through Xen into the guest's handler and back. Not measured on
// each machine, for want of a way that does not trap the guest; on the high side.
constexpr std::uint64_t exception_ns = 10'000;

} // namespace

void GuestWatch::end(EndedBy by, std::string reason) {
    if (over_) return;
    over_ = true;
    summary_.ended_by = by;
    summary_.reason = std::move(reason);
}

void GuestWatch::look(WatchListener& listener) {
    if (lease_->list().guardian_acted != 0) {
        end(EndedBy::Failure, "the bridge stood still, and its guardian has freed the guest");
        return;
    }
    if (suspend_->made()) {
        end(EndedBy::Target, "the domain is about to be suspended, to be saved or migrated");
        return;
    }
    std::vector<GuestAccess> accesses;
    if (auto collected = backend_->collect(accesses, news_); !collected) {
        end(EndedBy::Failure, collected.error().sentence());
        return;
    }
    window_hits_ += accesses.size();
    keep(std::move(accesses));
    show_kept(listener);
}

// Taken from the backend at once, whether or not somebody reads: Xen's buffers are small.
void GuestWatch::keep(std::vector<GuestAccess> accesses) {
    for (GuestAccess& access : accesses) {
        if (kept_.size() < most_kept)
            kept_.push_back(std::move(access));
        else
            ++unkept_;
    }
}

void GuestWatch::show_kept(WatchListener& listener) {
    for (; !kept_.empty() && listener.has_room(); kept_.pop_front()) {
        if (summary_.ended_by == EndedBy::Count && over_)
            ++summary_.late; // no more were asked for
        else
            show(listener, kept_.front());
    }
}

// A slow reader gets all of it; one that reads nothing for five seconds does not.
void GuestWatch::show_the_rest(WatchListener& listener) {
    std::size_t left = kept_.size();
    std::uint64_t progress_ns = monotonic_ns();
    while (!kept_.empty() && monotonic_ns() < progress_ns + patience_ns) {
        show_kept(listener);
        if (!listener.flush()) break;
        if (kept_.size() == left)
            ::usleep(2000);
        else
            progress_ns = monotonic_ns();
        left = kept_.size();
    }
    unkept_ += kept_.size();
    kept_.clear();
}

void GuestWatch::show(WatchListener& listener, const GuestAccess& access) {
    ++summary_.hits;
    Hit hit = hits_->build(access);
    hit.seq = summary_.hits;
    if (is_wanted(hit)) listener.on_hit(hit);
    if (request_.count != 0 && summary_.hits >= request_.count && !over_)
        end(EndedBy::Count, fmt::format("{} hits were asked for", request_.count));
}

bool GuestWatch::is_wanted(const Hit& hit) {
    if (request_.changed && hit.old_value && hit.new_value && *hit.old_value == *hit.new_value) {
        ++summary_.dropped.changed;
        return false;
    }
    if (filter_ == nullptr) return true;
    const auto drop = filter_->drops(hit);
    if (!drop) return true;
    switch (*drop) {
    case HitFilter::Drop::Comm:
        ++summary_.dropped.reader_comm;
        break;
    case HitFilter::Drop::Stack:
        ++summary_.dropped.reader_stack;
        break;
    case HitFilter::Drop::When:
        ++summary_.dropped.reader_when;
        break;
    }
    return false;
}

void GuestWatch::tell_news(WatchListener& listener) {
    for (const std::string& note : news_.notes) {
        const std::uint64_t now = monotonic_ns();
        listener.on_notice({note, std::chrono::nanoseconds(deadline_ns_ > now ? deadline_ns_ - now : 0)});
    }
    news_.notes.clear();
}

void GuestWatch::audit(WatchListener& listener) {
    const std::uint64_t now = monotonic_ns();
    if (now < next_audit_ns_ || over_) return;
    next_audit_ns_ = now + audit_every_ns;
    const auto domain = domain_by_id(*xen_, view_->domain().id);
    if (!domain || !domain->is_running() || domain->uuid != view_->domain().uuid) {
        end(EndedBy::Target, how_it_ended(domain));
        return;
    }
    if (braked_since_ns_ == 0) {
        if (auto fine = backend_->audit(news_); !fine) end(EndedBy::Failure, fine.error().sentence());
        tell_news(listener);
    }
    tell_busy_neighbours(listener, now);
    const bool long_enough = static_cast<std::uint64_t>(request_.time_to_live.count()) > 2 * notice_before_ns;
    if (!told_end_is_near_ && long_enough && now + notice_before_ns >= deadline_ns_) {
        told_end_is_near_ = true;
        listener.on_notice({"the watch ends in a minute", std::chrono::nanoseconds(deadline_ns_ - now)});
    }
}

// Accesses to the same frames that are none of the watched bytes cost the guest as much as hits do: said
// once, as soon as a second's worth is known.
void GuestWatch::tell_busy_neighbours(WatchListener& listener, std::uint64_t now) {
    constexpr std::uint64_t second_ns = 1'000'000'000, worth_telling = 100; // a second
    const std::uint64_t armed_for = now - armed_ns_;
    if (told_busy_neighbours_ || armed_for < second_ns) return;
    const std::uint64_t rate = news_.outside * second_ns / armed_for;
    if (rate < worth_telling) return;
    told_busy_neighbours_ = true;
    listener.on_notice(
        {fmt::format("{} accesses a second to the same frame beside the watched bytes: each stops a vCPU, "
                     "{:.1f} % of the time so far",
                     rate, 100.0 * static_cast<double>(news_.paused_ns) / static_cast<double>(armed_for)),
         std::chrono::nanoseconds(deadline_ns_ > now ? deadline_ns_ - now : 0)});
}

// A tenth of a window is the guest's price at most; when it is spent, nothing is armed until the window is
// over.
void GuestWatch::brake(WatchListener& listener) {
    if (!request_.brake || over_) return;
    const std::uint64_t now = monotonic_ns();
    const bool window_over = now >= window_start_ns_ + window_ns;
    if (braked_since_ns_ == 0) {
        const std::uint64_t paused = news_.paused_ns - window_paused_ns_;
        const std::uint64_t cost =
            std::max(paused, window_hits_ * exception_ns * (backend_->stops_for_hits() ? 1U : 0U));
        if (cost > budget_ns * view_->domain().vcpus && !window_over) {
            if (auto fine = backend_->suspend(); !fine) end(EndedBy::Failure, fine.error().sentence());
            braked_since_ns_ = monotonic_ns();
            ++summary_.braked;
        }
    }
    if (!window_over) return;
    window_start_ns_ = now;
    window_paused_ns_ = news_.paused_ns;
    window_hits_ = 0;
    if (braked_since_ns_ == 0) return;
    if (auto fine = backend_->resume(); !fine) end(EndedBy::Failure, fine.error().sentence());
    const std::uint64_t until = monotonic_ns();
    summary_.braked_ns += until - braked_since_ns_;
    listener.on_brake({0, braked_since_ns_, until});
    braked_since_ns_ = 0;
}

void GuestWatch::wait(int stop_fd) {
    // poll(2) passes over what is negative.
    const bool hear = backend_->fd() >= 0 && braked_since_ns_ == 0;
    std::array<pollfd, 3> fds{
        {{stop_fd, POLLIN, 0}, {hear ? backend_->fd() : -1, POLLIN, 0}, {suspend_->fd(), POLLIN, 0}}};
    const auto period = std::chrono::duration_cast<std::chrono::nanoseconds>(
        hear ? std::chrono::milliseconds(20) : backend_->period());
    timespec limit{static_cast<time_t>(period.count() / 1'000'000'000),
                   static_cast<long>(period.count() % 1'000'000'000)};
    if (::ppoll(fds.data(), fds.size(), &limit, nullptr) <= 0) return;
    if (fds[0].revents != 0) end(EndedBy::User, "it was asked to end");
    if (fds[1].revents != 0)
        ::usleep(gathers_for_us); // several at once: whoever answers the guest needs the CPU more than we
}

} // namespace stakeout
