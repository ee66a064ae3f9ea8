// PV guests: debug registers of every vCPU, hits out of Xen's trace.
//
// A PV guest has no nested page tables to restrict, but Xen keeps its vCPUs' debug registers and lets dom0
// write them. An access then raises a debug exception, which Xen hands to the guest and, where tracing is on,
// notes down with the instruction pointer. So a hit tells when, which vCPU and from where; the registers are
// gone, and the value is read from the frame after the fact and marked so.
//
// The guest takes part: its own handler gets the exception, finds that none of its breakpoints explains it,
// and goes on; a process's accesses on Debian's 6.1 too (measured: 2,000 of 2,000 user writes, the process
// unharmed). An execute breakpoint would trap again and again, since nobody sets the resume flag: it is
// refused.
#include "xen-bridge/backend/backend.h"

#include "base/monotonic_clock.h"
#include "xen-bridge/backend/live_trace.h"
#include "xen-bridge/backend/place_value.h"
#include "xen-bridge/backend/vcpu_slots.h"

#include <fmt/format.h>

#include <algorithm>

namespace stakeout {
namespace {

class DebugRegister final : public Backend {
  public:
    DebugRegister(const BackendRequest& request, PlaceValue value)
        : request_(request),
          slots_(request_, request.kind == AccessKind::Write ? TrapOn::Write : TrapOn::ReadWrite,
                 [this] { last_ = value_.read(); }),
          value_(std::move(value)) {}

    [[nodiscard]] std::string_view name() const override { return "debug-register"; }

    [[nodiscard]] std::vector<std::string> blind_spots() const override {
        const GuestPlace& place = request_.places.front();
        std::string addresses;
        for (const std::uint64_t address : place.aliases)
            addresses += fmt::format("{}{:#x}", addresses.empty() ? "" : ", ", address);
        return {fmt::format("accesses through other addresses of the same memory than {} (other mappings, "
                            "Xen, dom0, devices)",
                            addresses),
                "accesses while a vCPU's own use of its debug registers has put ours out (told as a gap)",
                "registers, stack and task: Xen's trace has the instruction pointer only; values are read "
                "after the access"};
    }

    [[nodiscard]] std::optional<Value> value_now() const override { return value_.read(); }
    [[nodiscard]] bool stops_for_hits() const override { return true; }
    // Xen's buffers hold a megabyte a CPU; soon after a hit is only better for its value.
    [[nodiscard]] std::chrono::microseconds period() const override {
        return std::chrono::milliseconds(was_busy_ ? 2 : 10);
    }

    Status arm() override {
        std::vector<Slot> pieces;
        for (const std::uint64_t address : request_.places.front().aliases)
            for (const Slot& piece : cover(address, request_.places.front().size, 0)) pieces.push_back(piece);
        auto trace = LiveTrace::start(*request_.xen, *request_.undo);
        if (!trace) return std::move(trace).error();
        trace_ = std::move(*trace);
        if (auto chosen = slots_.choose(pieces); !chosen) return chosen;
        return slots_.arm();
    }

    Status collect(std::vector<GuestAccess>& into, BackendNews& news) override {
        return take(into, news, false);
    }
    Status audit(BackendNews& news) override { return slots_.audit(news); }
    Status suspend() override { return slots_.suspend(); }
    Status resume() override { return slots_.resume(); }
    void finish(std::vector<GuestAccess>& into) override {
        BackendNews unused;
        (void)take(into, unused, true);
    }

  private:
    Status take(std::vector<GuestAccess>& into, BackendNews& news, bool last) {
        auto hits = trace_->take(last);
        if (!hits) return std::move(hits).error();
        const std::size_t first = into.size();
        const std::uint64_t now_ns = monotonic_ns();
        for (const TraceHit& hit : *hits) {
            if (!hit.who) continue; // counted below
            if (hit.who->domain != request_.domain.id) {
                ++foreign_;
                continue;
            }
            GuestAccess access;
            access.time_ns = now_ns - std::min(trace_->age_ns(hit), now_ns - last_take_ns_);
            access.access = request_.kind == AccessKind::Write ? Access::Write : Access::Unknown;
            access.vcpu = hit.who->vcpu;
            access.ip = hit.rip;
            access.user_mode = hit.user_mode;
            access.value_way = ValueWay::ReadLater;
            into.push_back(std::move(access));
        }
        was_busy_ = into.size() > first;
        if (was_busy_) add_values(into, first);
        last_take_ns_ = now_ns;
        news.foreign = foreign_;
        news.lost = trace_->lost();
        news.lost_at_most = true; // records of Xen's trace, of which hits are a part
        return done();
    }

    // What was there before the first of them, and is there now after the last.
    void add_values(std::vector<GuestAccess>& accesses, std::size_t first) {
        accesses[first].old_value = last_;
        last_ = value_.read();
        accesses.back().new_value = last_;
    }

    BackendRequest request_;
    VcpuSlots slots_;
    PlaceValue value_;
    Value last_;
    std::unique_ptr<LiveTrace> trace_;
    std::uint64_t foreign_ = 0, last_take_ns_ = monotonic_ns();
    bool was_busy_ = false;
};

} // namespace

BackendProbe probe_debug_register(const Hypervisor& xen, const Domain& domain) {
    (void)xen;
    BackendProbe probe{"debug-register", false, {}, {}};
    if (domain.kind != DomainKind::Pv) {
        probe.says = fmt::format("for PV guests; this one is {}", to_word(domain.kind));
        return probe;
    }
    probe.usable = true;
    probe.says = "memory by address: vCPU, instruction and exact count; values are read after the access";
    return probe;
}

Result<std::unique_ptr<Backend>> make_debug_register(const BackendRequest& request) {
    const std::string tried = fmt::format("watch {} by debug-register", request.domain.label());
    if (request.domain.kind != DomainKind::Pv)
        return arm_error(tried, probe_debug_register(*request.xen, request.domain).says,
                         "leave --backend out");
    if (request.kind == AccessKind::Execute)
        return arm_error(tried,
                         "the guest's kernel does not step over an execute breakpoint that it did not set",
                         "watch data, or use a PVH guest with mem-access");
    if (request.places.size() != 1)
        return arm_error(tried, "it is more than debug registers hold", "use --backend page-diff");
    if (request.places.front().aliases.empty())
        return arm_error(tried,
                         "debug registers need one place with a linear address, and none is known for it",
                         "give --gva or --symbol, or use --backend page-diff");
    auto value = PlaceValue::map(request, request.places.front());
    if (!value) return std::move(value).error();
    return std::unique_ptr<Backend>(std::make_unique<DebugRegister>(request, std::move(*value)));
}

} // namespace stakeout
