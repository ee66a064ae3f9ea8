// A watch in a Xen guest: a place armed by a backend, hits handed to a listener, until its time to live, its
// count, the guest or the user ends it. The same words, records and limits as a watch on the host
// (watchpoints/arm/watch.h).
//
// Contract: arm() arms every online vCPU or returns an error and leaves nothing behind. However the bridge
// ends, the guardian (care/guardian.h) takes everything back. The listener is called from run()'s thread
// only.
#pragma once

#include "base/result.h"
#include "watchpoints/arm/watch.h"
#include "watchpoints/hit/hit_filter.h"
#include "xen-bridge/backend/backend.h"
#include "xen-bridge/care/guardian.h"
#include "xen-bridge/care/lease.h"
#include "xen-bridge/domain/suspend_request.h"
#include "xen-bridge/watch/guest_hits.h"
#include "xen-bridge/watch/guest_target.h"
#include "xen-bridge/watch/guest_view.h"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace stakeout {

struct GuestWatchRequest {
    std::string domain; // name or number
    GuestQuery query;
    std::string symbols_file;
    std::string backend = "auto";
    AccessKind kind = AccessKind::Write;
    std::chrono::nanoseconds time_to_live = std::chrono::minutes(10);
    std::uint64_t count = 0; // 0: no limit
    bool brake = true;
    bool stacks = true;
    bool changed = false; // only hits that left another value
    std::chrono::microseconds poll{1000};
    // Makes the filter once the place is known (its width and sign); may be empty.
    std::function<Result<std::shared_ptr<const HitFilter>>(const GuestResolution&)> filter;
    std::chrono::steady_clock::time_point process_start;
};

class GuestWatch {
  public:
    static Result<std::unique_ptr<GuestWatch>> arm(GuestWatchRequest request);
    ~GuestWatch(); // takes everything back
    GuestWatch(const GuestWatch&) = delete;
    GuestWatch& operator=(const GuestWatch&) = delete;

    Summary run(WatchListener& listener, int stop_fd);

  private:
    GuestWatch() = default;
    Status find();
    Status set_up();
    [[nodiscard]] Armed describe() const;
    void take_back();

    // What run() does again and again.
    void look(WatchListener& listener);
    void audit(WatchListener& listener);
    void tell_busy_neighbours(WatchListener& listener, std::uint64_t now);
    void brake(WatchListener& listener);
    void wait(int stop_fd);
    void keep(std::vector<GuestAccess> accesses);
    void show_kept(WatchListener& listener);
    void show_the_rest(WatchListener& listener);
    void show(WatchListener& listener, const GuestAccess& access);
    [[nodiscard]] bool is_wanted(const Hit& hit);
    void end(EndedBy by, std::string reason);
    void tell_news(WatchListener& listener);

    GuestWatchRequest request_;
    std::unique_ptr<Hypervisor> xen_;
    std::unique_ptr<GuestView> view_;
    GuestResolution resolution_;
    std::shared_ptr<const HitFilter> filter_;
    std::unique_ptr<SuspendRequest> suspend_;
    std::unique_ptr<Lease> lease_;
    std::unique_ptr<BridgeGuardian> guardian_;
    std::unique_ptr<Backend> backend_;
    std::unique_ptr<GuestHits> hits_;

    std::uint64_t armed_ns_ = 0, deadline_ns_ = 0, next_audit_ns_ = 0;
    bool over_ = false, told_end_is_near_ = false, told_busy_neighbours_ = false;
    BackendNews news_;
    std::deque<GuestAccess> kept_; // to be shown
    std::uint64_t unkept_ = 0;     // lost for want of a reader
    Summary summary_;
    std::uint64_t window_start_ns_ = 0, window_paused_ns_ = 0, window_hits_ = 0; // the brake's
    std::uint64_t braked_since_ns_ = 0;                                          // 0: not braked
};

} // namespace stakeout
