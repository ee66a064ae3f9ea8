#include "xen-bridge/records/vm_event_ring.h"

#include "xen-bridge/records/shared_words.h"

#include <fmt/format.h>

#include <cstring>
#include <type_traits>

#define __XEN_TOOLS__ 1 // NOLINT: what opens vm_event.h's types
#include <xen/xen.h>

#include <xen/vm_event.h>

namespace stakeout {
namespace {

using Request = vm_event_request_t;
using Response = vm_event_response_t;
constexpr std::size_t ring_start = offsetof(vm_event_sring, ring);
constexpr std::size_t entry_bytes = sizeof(vm_event_sring_entry);

// As __RING_SIZE of io/ring.h: the largest power of two that fits.
constexpr std::uint32_t ring_entries() {
    std::size_t count = 1;
    while (2 * count * entry_bytes <= 4096 - ring_start) count *= 2;
    return static_cast<std::uint32_t>(count);
}
static_assert(sizeof(Request) == sizeof(Response) && std::is_trivially_copyable_v<Request>);
static_assert(VM_EVENT_INTERFACE_VERSION == 7, "vm_event.h has changed: compare it with this file");

std::uint32_t load(std::span<std::uint8_t, 4096> page, std::size_t offset) {
    return SharedWords(page).load(offset);
}
void store(std::span<std::uint8_t, 4096> page, std::size_t offset, std::uint32_t value) {
    SharedWords(page).store(offset, value);
}
std::size_t place_of(std::uint32_t index) {
    return ring_start + (index & (ring_entries() - 1)) * entry_bytes;
}

GuestRegisters registers_of(const vm_event_regs_x86& in) {
    GuestRegisters out;
    out.rax = in.rax, out.rbx = in.rbx, out.rcx = in.rcx, out.rdx = in.rdx;
    out.rsi = in.rsi, out.rdi = in.rdi, out.rbp = in.rbp, out.rsp = in.rsp;
    out.r8 = in.r8, out.r9 = in.r9, out.r10 = in.r10, out.r11 = in.r11;
    out.r12 = in.r12, out.r13 = in.r13, out.r14 = in.r14, out.r15 = in.r15;
    out.rip = in.rip, out.rflags = in.rflags;
    out.cr0 = in.cr0, out.cr2 = in.cr2, out.cr3 = in.cr3, out.cr4 = in.cr4;
    out.fs_base = in.fs_base, out.gs_base = in.gs_base, out.shadow_gs = in.shadow_gs;
    out.dr6 = in.dr6, out.dr7 = in.dr7;
    out.efer = in.msr_efer, out.lstar = in.msr_lstar;
    out.cs = in.cs_sel, out.ss = in.ss_sel;
    return out;
}

// What VM_EVENT_FLAG_SET_REGISTERS takes over: the general registers, flags and instruction pointer.
void put_registers(const GuestRegisters& in, vm_event_regs_x86& out) {
    out.rax = in.rax, out.rbx = in.rbx, out.rcx = in.rcx, out.rdx = in.rdx;
    out.rsi = in.rsi, out.rdi = in.rdi, out.rbp = in.rbp, out.rsp = in.rsp;
    out.r8 = in.r8, out.r9 = in.r9, out.r10 = in.r10, out.r11 = in.r11;
    out.r12 = in.r12, out.r13 = in.r13, out.r14 = in.r14, out.r15 = in.r15;
    out.rip = in.rip, out.rflags = in.rflags;
}

VmEvent::MemAccess mem_access_of(const vm_event_mem_access& in) {
    VmEvent::MemAccess out;
    out.gfn = in.gfn;
    out.offset = in.offset;
    out.gla = in.gla;
    out.raw_flags = in.flags;
    const auto has = [&](std::uint32_t flag) { return (in.flags & flag) != 0; };
    out.gla_valid = has(MEM_ACCESS_GLA_VALID);
    out.read = has(MEM_ACCESS_R);
    out.write = has(MEM_ACCESS_W);
    out.execute = has(MEM_ACCESS_X);
    out.fault_in_gpt = has(MEM_ACCESS_FAULT_IN_GPT);
    out.with_gla = has(MEM_ACCESS_FAULT_WITH_GLA);
    return out;
}

VmEvent event_of(const Request& request) {
    VmEvent event;
    event.reason = static_cast<VmEventReason>(request.reason);
    event.vcpu = request.vcpu_id;
    event.flags = request.flags;
    event.view = request.altp2m_idx;
    event.registers = registers_of(request.data.regs.x86);
    const auto debug = [](const vm_event_debug& in) {
        return VmEvent::DebugException{in.gfn, in.pending_dbg, in.insn_length, in.type};
    };
    switch (event.reason) {
    case VmEventReason::MemAccess:
        event.mem_access = mem_access_of(request.u.mem_access);
        break;
    case VmEventReason::DebugException:
        event.debug_exception = debug(request.u.debug_exception);
        break;
    case VmEventReason::SoftwareBreakpoint:
        event.debug_exception = debug(request.u.software_breakpoint);
        break;
    case VmEventReason::SingleStep:
        event.single_step_gfn = request.u.singlestep.gfn;
        break;
    default:
        break;
    }
    return event;
}

} // namespace

VmEventAnswer answer_to(const VmEvent& event) {
    VmEventAnswer answer;
    answer.reason = event.reason;
    answer.vcpu = event.vcpu;
    answer.flags = event.flags & (vm_event_vcpu_paused | vm_event_alternate_view);
    answer.view = event.view;
    answer.mem_access = event.mem_access;
    return answer;
}

VmEventRing::VmEventRing(std::span<std::uint8_t, 4096> page) : page_(page) {
    taken_ = answered_ = load(page_, offsetof(vm_event_sring, rsp_prod));
    store(page_, offsetof(vm_event_sring, req_event), taken_ + 1);
    store(page_, offsetof(vm_event_sring, rsp_event), answered_ + 1);
}

std::uint32_t VmEventRing::entries() { return ring_entries(); }

std::uint32_t VmEventRing::waiting() const {
    const std::uint32_t count = load(page_, offsetof(vm_event_sring, req_prod)) - taken_;
    return count <= ring_entries() ? count : 0;
}

Result<std::optional<VmEvent>> VmEventRing::take() {
    const std::string tried = "take a request from the vm_event ring";
    const std::uint32_t produced = load(page_, offsetof(vm_event_sring, req_prod));
    const std::uint32_t count = produced - taken_;
    if (count == 0) return std::optional<VmEvent>();
    // An entry holds a request or its answer: what is taken and not answered takes room too.
    if (count > ring_entries() || count + unanswered() > ring_entries())
        return internal_error(tried,
                              fmt::format("Xen's position is {}, ours {}: more than the {} entries there are",
                                          produced, taken_, ring_entries()));
    Request request;
    std::memcpy(&request, page_.data() + place_of(taken_), sizeof request);
    taken_ += 1;
    store(page_, offsetof(vm_event_sring, req_event), taken_ + 1);
    if (request.version != VM_EVENT_INTERFACE_VERSION)
        return internal_error(tried, fmt::format("it is of interface version {}, this program knows {}",
                                                 request.version, VM_EVENT_INTERFACE_VERSION));
    return std::optional(event_of(request));
}

Status VmEventRing::put(const VmEventAnswer& answer) {
    if (unanswered() == 0)
        return internal_error("answer a request of the vm_event ring", "none is unanswered");
    Response response{};
    response.version = VM_EVENT_INTERFACE_VERSION;
    response.flags = answer.flags;
    response.reason = static_cast<std::uint32_t>(answer.reason);
    response.vcpu_id = answer.vcpu;
    response.altp2m_idx = answer.view;
    if (answer.mem_access) {
        response.u.mem_access.gfn = answer.mem_access->gfn;
        response.u.mem_access.offset = answer.mem_access->offset;
        response.u.mem_access.gla = answer.mem_access->gla;
        response.u.mem_access.flags = answer.mem_access->raw_flags;
    }
    if ((answer.flags & vm_event_fast_single_step) != 0)
        response.u.fast_singlestep.p2midx = answer.fast_single_step_view;
    if (answer.registers) put_registers(*answer.registers, response.data.regs.x86);
    std::memcpy(page_.data() + place_of(answered_), &response, sizeof response);
    answered_ += 1;
    store(page_, offsetof(vm_event_sring, rsp_prod), answered_);
    return done();
}

} // namespace stakeout
