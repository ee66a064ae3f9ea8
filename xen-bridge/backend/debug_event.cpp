// HVM and PVH guests: debug registers of every vCPU, and Xen's event at each debug exception, for which the
// vCPU stands still. So the registers, the stack and the value are those of the access, on CPUs without EPT
// too; but it is an address that is watched and not a frame, in whichever process has it.
//
// While events of debug exceptions are on, Xen hands none to the guest: the guest's own are injected anew.
#include "xen-bridge/backend/backend.h"

#include "base/monotonic_clock.h"
#include "xen-bridge/backend/event_thread.h"
#include "xen-bridge/backend/place_value.h"
#include "xen-bridge/backend/vcpu_slots.h"
#include "xen-bridge/domain/xen_api.h"

#include <fmt/format.h>

#include <atomic>
#include <cerrno>

namespace stakeout {
namespace {

constexpr std::uint64_t resume_flag = 1U << 16;
constexpr std::uint64_t trap_flag = 1U << 8;
constexpr std::uint64_t paging = 1U << 31;
constexpr std::uint64_t single_step_bit = 1U << 14; // of DR6

TrapOn trap_on(AccessKind kind) {
    if (kind == AccessKind::Execute) return TrapOn::Execute;
    return kind == AccessKind::Write ? TrapOn::Write : TrapOn::ReadWrite;
}

class DebugEvent final : public Backend {
  public:
    DebugEvent(const BackendRequest& request, PlaceValue value)
        : request_(request), slots_(request_, trap_on(request.kind), [this] { last_ = value_.read(); }),
          value_(std::move(value)) {}

    [[nodiscard]] std::string_view name() const override { return "debug-event"; }

    [[nodiscard]] std::vector<std::string> blind_spots() const override {
        std::string addresses;
        for (const std::uint64_t address : request_.places.front().aliases)
            addresses += fmt::format("{}{:#x}", addresses.empty() ? "" : ", ", address);
        return {fmt::format("accesses through other addresses of the same memory than {} (other mappings, "
                            "Xen, dom0, devices)",
                            addresses),
                "accesses while a vCPU's own use of its debug registers has put ours out (told as a gap)"};
    }

    [[nodiscard]] std::optional<Value> value_now() const override { return value_.read(); }

    Status arm() override {
        auto channel = EventChannel::open(request_);
        if (!channel) return std::move(channel).error();
        auto thread = EventThread::start(
            request_, std::move(*channel), [this] { return std::vector<Value>{value_.read()}; },
            [this](const VmEvent& event, VmEventAnswer& answer) { return decide(event, answer); });
        if (!thread) return std::move(thread).error();
        thread_ = std::move(*thread);
        request_.undo->debug_exceptions = 1;
        if (xc_monitor_debug_exceptions(request_.xen->control(), request_.domain.id, true, true) != 0)
            return arm_error(fmt::format("hear of {}'s debug exceptions", request_.domain.label()),
                             "Xen refused", "`stakeout-xen doctor` tells what each domain allows", errno);
        std::vector<Slot> pieces;
        const GuestPlace& place = request_.places.front();
        for (const std::uint64_t address : place.aliases)
            for (const Slot& piece : cover(address, request_.kind == AccessKind::Execute ? 1 : place.size, 0))
                pieces.push_back(piece);
        if (auto chosen = slots_.choose(pieces); !chosen) return chosen;
        mask_ = slots_.mask(); // before the first exception can come
        return slots_.arm();
    }

    [[nodiscard]] int fd() const override { return thread_->fd(); }

    Status collect(std::vector<GuestAccess>& into, BackendNews& news) override {
        if (auto sound = thread_->is_sound(); !sound) return sound;
        for (const RawEvent& raw : thread_->take()) take(raw, into);
        news.foreign = foreign_;
        news.lost = thread_->lost();
        news.paused_ns = thread_->paused_ns();
        return done();
    }

    Status audit(BackendNews& news) override { return slots_.audit(news); }
    Status suspend() override { return slots_.suspend(); }
    Status resume() override { return slots_.resume(); }
    void finish(std::vector<GuestAccess>& into) override {
        BackendNews unused;
        (void)collect(into, unused);
    }

  private:
    // AMD's processors leave what matched in DR6 alone, and Xen 4.17 does not pass it on there: then an
    // exception that is not a single step, on a vCPU with our registers in force, is ours.
    [[nodiscard]] bool is_ours(const VmEvent& event) const {
        const std::uint64_t told = event.debug_exception->pending_dbg != 0
                                       ? event.debug_exception->pending_dbg
                                       : event.registers.dr6;
        if ((told & mask_) != 0) return true;
        if ((told & (0xfU | single_step_bit)) != 0) return false;
        return (event.registers.rflags & trap_flag) == 0;
    }

    // On the event thread.
    bool decide(const VmEvent& event, VmEventAnswer& answer) {
        if (event.reason != VmEventReason::DebugException) return false;
        if (!is_ours(event)) {
            constexpr std::uint8_t debug_vector = 1, hardware_exception = 3;
            constexpr std::uint32_t no_error_code = ~0U;
            xendevicemodel_inject_event(request_.xen->devices(), static_cast<domid_t>(request_.domain.id),
                                        static_cast<int>(event.vcpu), debug_vector, hardware_exception,
                                        no_error_code, 0, 0);
            return false;
        }
        if (request_.kind != AccessKind::Execute) return true;
        // The instruction has not run yet; with this flag it does not trap a second time.
        answer.flags |= vm_event_set_registers;
        answer.registers = event.registers;
        answer.registers->rflags |= resume_flag;
        return true;
    }

    void take(const RawEvent& raw, std::vector<GuestAccess>& into) {
        if (raw.event.reason != VmEventReason::DebugException) return;
        if (!is_ours(raw.event)) {
            ++foreign_;
            return;
        }
        const GuestRegisters& registers = raw.event.registers;
        GuestAccess access;
        access.time_ns = raw.time_ns;
        access.vcpu = raw.event.vcpu;
        access.ip = registers.rip;
        if (in_long_mode(registers)) access.user_mode = in_user_mode(registers);
        access.captured = raw.captured;
        access.registers = registers;
        access.before = request_.kind == AccessKind::Execute;
        access.linear = request_.places.front().aliases.front();
        if (request_.places.front().aliases.size() > 1) access.linear.reset(); // one of several
        const Value& now = raw.before.front(); // the instruction has run already
        if (request_.kind == AccessKind::Execute)
            access.access = Access::Execute;
        else if (request_.kind == AccessKind::Write || now != last_)
            access.access = Access::Write;
        if (request_.kind != AccessKind::Execute) {
            access.old_value = last_;
            access.new_value = now;
        }
        last_ = now;
        into.push_back(std::move(access));
    }

    BackendRequest request_;
    VcpuSlots slots_;
    std::atomic<std::uint64_t> mask_ = 0; // our slots' bits of DR6
    PlaceValue value_;
    Value last_;
    std::uint64_t foreign_ = 0;
    std::unique_ptr<EventThread> thread_; // the last: it uses the others
};

// A guest that runs without paging has one kind of address.
bool runs_without_paging(const BackendRequest& request) {
    for (std::uint32_t vcpu = 0; vcpu < request.domain.vcpus; ++vcpu) {
        const auto state = vcpu_state(*request.xen, request.domain, vcpu);
        if (state && (state->registers.cr0 & paging) != 0) return false;
    }
    return true;
}

} // namespace

BackendProbe probe_debug_event(const Hypervisor& xen, const Domain& domain) {
    BackendProbe probe{"debug-event", false, {}, {}};
    if (domain.kind == DomainKind::Pv) {
        probe.says = "for HVM and PVH guests; a PV guest's exceptions are its own";
        return probe;
    }
    std::uint32_t capabilities = 0;
    if (xc_monitor_get_capabilities(xen.control(), domain.id, &capabilities) != 0 ||
        (capabilities & (1U << XEN_DOMCTL_MONITOR_EVENT_DEBUG_EXCEPTION)) == 0) {
        probe.says = "Xen does not tell of this domain's debug exceptions";
        probe.remedy = "it needs a CPU with VMX or SVM";
        return probe;
    }
    probe.usable = true;
    probe.says = "memory by address: registers, stack, task, old and new value; needs a linear address";
    return probe;
}

Result<std::unique_ptr<Backend>> make_debug_event(const BackendRequest& request) {
    const std::string tried = fmt::format("watch {} by debug-event", request.domain.label());
    const BackendProbe probe = probe_debug_event(*request.xen, request.domain);
    if (!probe.usable)
        return arm_error(tried, probe.says, probe.remedy.empty() ? "leave --backend out" : probe.remedy);
    if (request.places.size() != 1)
        return arm_error(tried, "it is more than debug registers hold", "use --backend page-diff");
    BackendRequest mine = request;
    GuestPlace& place = mine.places.front();
    if (place.aliases.empty() && place.physical && runs_without_paging(request))
        place.aliases = {*place.physical};
    if (place.aliases.empty())
        return arm_error(tried, "debug registers need a linear address, and none is known for this place",
                         "give --gva or --symbol, or use --backend page-diff");
    if (request.kind == AccessKind::Execute) place.aliases.resize(1);
    auto value = PlaceValue::map(mine, place);
    if (!value) return std::move(value).error();
    return std::unique_ptr<Backend>(std::make_unique<DebugEvent>(mine, std::move(*value)));
}

} // namespace stakeout
