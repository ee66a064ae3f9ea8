#include "xen-bridge/backend/event_thread.h"

#include "base/monotonic_clock.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

namespace stakeout {

Result<std::unique_ptr<EventThread>> EventThread::start(const BackendRequest& request,
                                                        std::unique_ptr<EventChannel> channel,
                                                        Snapshot snapshot, Decide decide) {
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor
    std::unique_ptr<EventThread> self(new EventThread());
    self->channel_ = std::move(channel);
    self->snapshot_ = std::move(snapshot);
    self->decide_ = std::move(decide);
    if (request.capture) self->capture_.emplace(request);
    self->news_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    self->stop_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!self->news_ || !self->stop_) return internal_error("start the event thread", "no eventfd", errno);
    self->thread_ = std::thread([raw = self.get()] { raw->run(); });
    return self;
}

EventThread::~EventThread() {
    if (!thread_.joinable()) return;
    const std::uint64_t one = 1;
    (void)!::write(stop_.get(), &one, sizeof one);
    thread_.join();
}

void EventThread::run() {
    bool may_have_more = false;
    for (;;) {
        pollfd fds[2] = {{channel_->fd(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
        if (::poll(fds, 2, may_have_more ? 0 : -1) < 0 && errno != EINTR) return;
        if ((fds[0].revents & POLLIN) != 0) channel_->acknowledge();
        may_have_more = serve(monotonic_ns());
        if (fds[1].revents != 0) return;
    }
}

// A guest that sends its next event before this one's answer is out could keep the loop for ever.
bool EventThread::serve(std::uint64_t woken_ns) {
    constexpr int most_at_once = 64;
    std::uint64_t since_ns = woken_ns;
    for (int served = 0; served < most_at_once; ++served) {
        auto taken = channel_->ring().take();
        if (!taken) ++defects_;
        if (!taken || !*taken) return false;
        answer(**taken);
        const std::uint64_t now = monotonic_ns();
        paused_ns_ += now - since_ns;
        since_ns = now;
    }
    return true;
}

void EventThread::answer(const VmEvent& event) {
    RawEvent raw{event, monotonic_ns(), snapshot_(), nullptr};
    VmEventAnswer answer = answer_to(event);
    const bool matters = decide_(event, answer);
    if (matters && capture_ && has_room_for_captures()) raw.captured = capture_->take(event);
    // Queued before the answer: whoever finds the queue empty knows that no access is under way unseen.
    const bool is_news = queue(std::move(raw));
    if (auto put = channel_->ring().put(answer); !put) ++defects_;
    channel_->notify(); // each at once: another's vCPU need not wait for ours
    const std::uint64_t one = 1;
    if (is_news) (void)!::write(news_.get(), &one, sizeof one);
}

// Whether the reader has to be told; else it has been, and has not come yet.
bool EventThread::queue(RawEvent&& raw) {
    const std::scoped_lock guard(lock_);
    const bool was_empty = queue_.empty();
    if (queue_.size() < most_waiting)
        queue_.push_back(std::move(raw));
    else
        ++lost_;
    return was_empty;
}

bool EventThread::has_room_for_captures() {
    const std::scoped_lock guard(lock_);
    return queue_.size() < most_captured;
}

std::vector<RawEvent> EventThread::take() {
    std::uint64_t count = 0;
    (void)!::read(news_.get(), &count, sizeof count);
    const std::scoped_lock guard(lock_);
    return std::exchange(queue_, {});
}

Status EventThread::is_sound() const {
    if (defects_ == 0) return done();
    return internal_error("answer the guest's events",
                          fmt::format("{} of them could not be read or answered", defects_.load()));
}

std::optional<std::vector<Value>> EventThread::settled() {
    std::vector<Value> now = snapshot_();
    const std::scoped_lock guard(lock_);
    return queue_.empty() ? std::optional(std::move(now)) : std::nullopt;
}

} // namespace stakeout
