// The vm_event ring: Xen's requests about a guest, and our answers.
//
// One page, shared with Xen: positions that only count up (modulo 2^32) and eight entries, used for requests
// and answers alike. Every request is copied out before it is looked at; no position is trusted. A request
// whose vCPU is paused keeps it paused until it is answered: answer first, think later. Source: Xen's public
// vm_event.h (interface version 7) and io/ring.h, xen/common/vm_event.c, tools/misc/xen-access.c.
#pragma once

#include "base/result.h"
#include "xen-bridge/guest/registers.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace stakeout {

enum class VmEventReason : std::uint32_t {
    Unknown = 0,
    MemAccess = 1,
    WriteControlRegister = 4,
    SoftwareBreakpoint = 6,
    SingleStep = 7,
    DebugException = 9,
    Interrupt = 12,
    EmulationUnimplemented = 14,
    // others as vm_event.h numbers them
};

// Flags of a request and of an answer (VM_EVENT_FLAG_*).
enum : std::uint32_t {
    vm_event_vcpu_paused = 1U << 0,
    vm_event_foreign = 1U << 1,
    vm_event_emulate = 1U << 2,
    vm_event_toggle_single_step = 1U << 4,
    vm_event_alternate_view = 1U << 7,
    vm_event_set_registers = 1U << 8,
    vm_event_fast_single_step = 1U << 11,
};

struct VmEvent {
    VmEventReason reason = VmEventReason::Unknown;
    std::uint32_t vcpu = 0;
    std::uint32_t flags = 0;
    std::uint16_t view = 0; // altp2m index, with vm_event_alternate_view
    GuestRegisters registers;

    struct MemAccess {
        std::uint64_t gfn = 0;    // frame
        std::uint64_t offset = 0; // within it
        std::uint64_t gla = 0;    // guest linear address, if gla_valid
        std::uint32_t raw_flags = 0;
        bool gla_valid = false, read = false, write = false, execute = false;
        bool fault_in_gpt = false; // the guest's own page tables were being read or written for gla
        bool with_gla = false;     // the access was to gla itself
    };
    std::optional<MemAccess> mem_access; // reason MemAccess
    struct DebugException {
        std::uint64_t gfn = 0;
        std::uint64_t pending_dbg = 0; // as DR6: which of the four matched, single step
        std::uint32_t insn_length = 0;
        std::uint8_t type = 0; // HVMOP_TRAP_*
    };
    std::optional<DebugException> debug_exception; // reasons DebugException and SoftwareBreakpoint
    std::optional<std::uint64_t> single_step_gfn;  // reason SingleStep
};

struct VmEventAnswer {
    VmEventReason reason = VmEventReason::Unknown;
    std::uint32_t vcpu = 0;
    std::uint32_t flags = 0;
    std::uint16_t view = 0;                       // with vm_event_alternate_view
    std::optional<VmEvent::MemAccess> mem_access; // Xen compares it with the access rights before it emulates
    std::uint16_t fast_single_step_view = 0;      // with vm_event_fast_single_step
    std::optional<GuestRegisters> registers;      // with vm_event_set_registers
};
// "Go on": lets the vCPU run in the view it was in. Add vm_event_emulate, vm_event_toggle_single_step ... to
// its flags.
VmEventAnswer answer_to(const VmEvent& event);

class VmEventRing {
  public:
    // `page`: the ring's page of xc_monitor_enable(), initialised. It must outlive this object. Sets the
    // ring's event marks so that the other side notifies at each request.
    explicit VmEventRing(std::span<std::uint8_t, 4096> page);

    // The next request; nullopt: there is none. Error (Internal): the other side's position is none (nothing
    // was taken), or the request is of another interface version (it was taken, and its vCPU may stay paused
    // until the monitor is disabled).
    Result<std::optional<VmEvent>> take();
    // Puts an answer; the event channel must be notified after one or several. Error (Internal): more answers
    // than requests taken.
    Status put(const VmEventAnswer& answer);

    // Requests that wait now; 0 when the other side's position is none.
    [[nodiscard]] std::uint32_t waiting() const;
    [[nodiscard]] std::uint32_t unanswered() const { return taken_ - answered_; }
    [[nodiscard]] static std::uint32_t entries(); // 8

  private:
    std::span<std::uint8_t, 4096> page_;
    std::uint32_t taken_ = 0;    // req_cons
    std::uint32_t answered_ = 0; // rsp_prod
};

} // namespace stakeout
