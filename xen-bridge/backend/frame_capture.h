// What must be copied while the vCPU of an event stands still, because its guest goes on as soon as it is
// answered: who runs there, and the kernel's stack. Whole frames, found by the kernel's page tables; read at
// leisure later.
#pragma once

#include "xen-bridge/backend/backend.h"
#include "xen-bridge/guest/captured_frames.h"
#include "xen-bridge/guest/guest_memory.h"
#include "xen-bridge/records/vm_event_ring.h"

#include <memory>

namespace stakeout {

// For one thread.
class FrameCapture {
  public:
    explicit FrameCapture(const BackendRequest& request)
        : rule_(*request.capture), frames_(*request.xen, request.domain.id),
          memory_(frames_, rule_.kernel_tables) {}
    // Null: nothing of it could be read.
    [[nodiscard]] std::shared_ptr<const Capture> take(const VmEvent& event);

  private:
    void add(std::uint64_t address, Capture& capture);
    CaptureRule rule_;
    ForeignFrames frames_;
    GuestMemory memory_;
};

} // namespace stakeout
