// Xen's trace buffers, switched on and read while they fill.
//
// They are one for the whole machine and have one reader: taking records out is writing a position back. A
// second reader takes what the first should see, so there is one bridge at a time that uses them (a lock
// file), and a running xentrace or xenbaked is a refusal. Xen cannot free or resize them: once switched on, 1
// MiB a CPU stay taken until the machine is booted (xen/common/trace.c).
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"
#include "xen-bridge/care/lease.h"
#include "xen-bridge/domain/hypervisor.h"
#include "xen-bridge/records/trace_buffer.h"
#include "xen-bridge/records/trace_hits.h"
#include "xen-bridge/records/xentrace.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace stakeout {

class LiveTrace {
  public:
    // Records from before are passed over. `undo` is told first. Error (CannotArm): somebody else reads them.
    static Result<std::unique_ptr<LiveTrace>> start(const Hypervisor& xen, UndoList& undo);
    ~LiveTrace(); // unmaps; switching off is heal()'s
    LiveTrace(const LiveTrace&) = delete;
    LiveTrace& operator=(const LiveTrace&) = delete;

    // The debug exceptions since the last call, in the order of time. `last`: tracing has ended, nothing
    // waits any more.
    Result<std::vector<TraceHit>> take(bool last);
    // How long before the last take() it was. By the latest record, which our own way into Xen has just made:
    // dom0's clock and the TSC that Xen notes down need not be the same.
    [[nodiscard]] std::uint64_t age_ns(const TraceHit& hit) const;
    // Records, of hits or not, that Xen had no room for since the start, and hits that nobody knows whose
    // they are.
    [[nodiscard]] std::uint64_t lost() const {
        return hits_.counts().lost_records + hits_.counts().unattributed - lost_before_;
    }

  private:
    struct Cpu {
        void* memory = nullptr;
        std::size_t pages = 0;
        TraceBuffer buffer;
        TraceStream stream;
    };
    explicit LiveTrace(const Hypervisor& xen) : xen_(xen) {}
    Status map_buffers(unsigned long table_frame, unsigned long table_bytes);
    Status map_cpu(std::uint32_t cpu, const std::vector<std::uint64_t>& frames);

    const Hypervisor& xen_;
    OwnedFd lock_;
    std::vector<std::unique_ptr<Cpu>> cpus_;
    TraceHits hits_;
    std::uint64_t lost_before_ = 0;
    std::uint64_t latest_tsc_ = 0, tsc_khz_ = 0;
};

} // namespace stakeout
