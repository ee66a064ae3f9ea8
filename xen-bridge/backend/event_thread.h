// The thread that answers a guest's events. A vCPU stands still from its event until the answer, so this
// thread does nothing else: take, copy the watched bytes, answer, put into a queue. All thinking is done on
// the other side of it.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"
#include "xen-bridge/backend/event_channel.h"
#include "xen-bridge/backend/frame_capture.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace stakeout {

struct RawEvent {
    VmEvent event;
    std::uint64_t time_ns = 0;               // when it was taken
    std::vector<Value> before;               // the places' bytes at that time, while the vCPU stood still
    std::shared_ptr<const Capture> captured; // null: nothing, or too many events wait already
};

class EventThread {
  public:
    // Called on the thread for each event, before the answer goes out; may change the answer. False: it is
    // none of those that are watched for, and need not be looked into.
    using Decide = std::function<bool(const VmEvent&, VmEventAnswer&)>;
    using Snapshot = std::function<std::vector<Value>()>;

    static Result<std::unique_ptr<EventThread>> start(const BackendRequest& request,
                                                      std::unique_ptr<EventChannel> channel,
                                                      Snapshot snapshot, Decide decide);
    ~EventThread(); // answers what waits, then ends
    EventThread(const EventThread&) = delete;
    EventThread& operator=(const EventThread&) = delete;

    [[nodiscard]] int fd() const { return news_.get(); } // readable when take() has something
    std::vector<RawEvent> take();
    // The bytes now, if no event came since take(): then they are what the last answered access left.
    std::optional<std::vector<Value>> settled();

    [[nodiscard]] std::uint64_t paused_ns() const { return paused_ns_; }
    [[nodiscard]] std::uint64_t lost() const { return lost_; } // no room in the queue
    // Error (Internal): the ring held what is none of Xen's, and a vCPU may wait for an answer: the watch
    // must end.
    [[nodiscard]] Status is_sound() const;

  private:
    static constexpr std::size_t most_waiting = 1U << 18;
    static constexpr std::size_t most_captured = 4096; // some 64 MiB
    EventThread() = default;
    void run();
    bool serve(std::uint64_t woken_ns); // false: nothing waits
    void answer(const VmEvent& event);
    bool queue(RawEvent&& raw);
    [[nodiscard]] bool has_room_for_captures();

    std::unique_ptr<EventChannel> channel_;
    Snapshot snapshot_;
    Decide decide_;
    std::optional<FrameCapture> capture_;
    OwnedFd news_, stop_;
    std::mutex lock_;
    std::vector<RawEvent> queue_;
    std::atomic<std::uint64_t> paused_ns_ = 0, lost_ = 0, defects_ = 0;
    std::thread thread_;
};

} // namespace stakeout
