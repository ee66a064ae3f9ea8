// The monitor ring of one domain with its event channel: where Xen's events about the guest arrive and are
// answered.
#pragma once

#include "base/result.h"
#include "xen-bridge/backend/backend.h"
#include "xen-bridge/records/vm_event_ring.h"

#include <memory>
#include <optional>

struct xenevtchn_handle;

namespace stakeout {

class EventChannel {
  public:
    // Puts the ring up; the undo list knows first. Error (CannotArm): Xen refuses (no VMX or SVM, another
    // listener).
    static Result<std::unique_ptr<EventChannel>> open(const BackendRequest& request);
    ~EventChannel(); // unmaps; taking the ring from Xen is heal()'s
    EventChannel(const EventChannel&) = delete;
    EventChannel& operator=(const EventChannel&) = delete;

    [[nodiscard]] int fd() const;
    // After fd() was readable: takes the notice, so that the next one can come.
    void acknowledge();
    [[nodiscard]] VmEventRing& ring() { return *ring_; }
    void notify(); // that there are answers

  private:
    EventChannel() = default;
    void* page_ = nullptr;
    xenevtchn_handle* channels_ = nullptr;
    int port_ = -1;
    std::optional<VmEventRing> ring_;
};

} // namespace stakeout
