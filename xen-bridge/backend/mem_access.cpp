// HVM and PVH guests under nested page tables: Xen restricts the frame, every access to it by whatever
// address is an event that stops the vCPU, and the answer lets Xen carry the instruction out for the guest
// (EMULATE). So nothing is missed between taking a restriction away and putting it back, on however many
// vCPUs.
//
// The whole frame traps; accesses beside the watched bytes are answered as well, counted, and not shown. A
// value before the access is copied while the vCPU stands still. The value after it is there when the vCPU's
// next event comes, or when nothing else is under way and the vCPU has moved on.
#include "xen-bridge/backend/backend.h"

#include "base/monotonic_clock.h"
#include "xen-bridge/backend/access_decoder.h"
#include "xen-bridge/backend/event_thread.h"
#include "xen-bridge/backend/place_value.h"
#include "xen-bridge/domain/vcpu.h"
#include "xen-bridge/domain/xen_api.h"
#include "xen-bridge/guest/page_walk.h"

#include <cpuid.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <deque>

namespace stakeout {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;
constexpr std::uint64_t settles_after_ns = 5'000'000;
constexpr std::uint32_t most_bytes = 32;

class MemAccess final : public Backend {
  public:
    explicit MemAccess(const BackendRequest& request) : request_(request), decoder_(*request_.frames) {}

    [[nodiscard]] std::string_view name() const override { return "mem-access"; }
    [[nodiscard]] std::vector<std::string> blind_spots() const override {
        return {"accesses that do not go through the guest's vCPUs: Xen's own, dom0's (backends of disks and "
                "networks), devices"};
    }

    [[nodiscard]] std::optional<Value> value_now() const override { return values_.front().read(); }

    Status arm() override {
        for (const GuestPlace& place : request_.places) {
            auto value = PlaceValue::map(request_, place);
            if (!value) return std::move(value).error();
            values_.push_back(std::move(*value));
        }
        auto channel = EventChannel::open(request_);
        if (!channel) return std::move(channel).error();
        // A string instruction that Xen carries out would else be one event for many writes.
        xc_monitor_emulate_each_rep(request_.xen->control(), request_.domain.id, true);
        xc_monitor_emul_unimplemented(request_.xen->control(), request_.domain.id, true);
        auto thread = EventThread::start(
            request_, std::move(*channel), [this] { return snapshot(); },
            [this](const VmEvent& event, VmEventAnswer& answer) { return decide(event, answer); });
        if (!thread) return std::move(thread).error();
        thread_ = std::move(*thread);
        return restrict_all();
    }

    [[nodiscard]] int fd() const override { return thread_->fd(); }

    Status collect(std::vector<GuestAccess>& into, BackendNews& news) override {
        if (auto sound = thread_->is_sound(); !sound) return sound;
        for (const RawEvent& raw : thread_->take()) take(raw);
        settle();
        while (!in_order_.empty() && in_order_.front().complete) {
            into.push_back(std::move(in_order_.front().access));
            in_order_.pop_front();
        }
        news.outside = outside_;
        news.lost = thread_->lost() + slipped_;
        news.paused_ns = thread_->paused_ns();
        return done();
    }

    Status audit(BackendNews& news) override {
        news.vcpus_armed = request_.domain.vcpus_online;
        if (suspended_) return done();
        for (const std::uint64_t frame : frames_) {
            xenmem_access_t now = XENMEM_access_rwx;
            if (xc_get_mem_access(request_.xen->control(), request_.domain.id, frame, &now) != 0) continue;
            if (now == access_) continue;
            news.notes.push_back(
                fmt::format("the restriction of frame {:#x} was gone, and is set again: the guest may have "
                            "given the frame back and got another",
                            frame));
            if (auto set = restrict(frame); !set) return set;
        }
        return done();
    }

    Status suspend() override {
        suspended_ = true;
        for (const std::uint64_t frame : frames_)
            if (xc_set_mem_access(request_.xen->control(), request_.domain.id, XENMEM_access_rwx, frame, 1) !=
                0)
                return internal_error("free the frame for the brake", "Xen refused", errno);
        return done();
    }
    Status resume() override {
        suspended_ = false;
        return restrict_all();
    }

    void finish(std::vector<GuestAccess>& into) override {
        BackendNews unused;
        (void)collect(into, unused);
        for (Waiting& waiting : in_order_)
            into.push_back(std::move(waiting.access)); // their new value is not known
        in_order_.clear();
    }

  private:
    struct Waiting {
        GuestAccess access;
        bool complete = false;
        std::uint64_t rip = 0;
    };

    std::vector<Value> snapshot() {
        std::vector<Value> values;
        values.reserve(values_.size());
        for (const PlaceValue& value : values_) values.push_back(value.read());
        return values;
    }

    // On the event thread.
    bool decide(const VmEvent& event, VmEventAnswer& answer) {
        if (event.reason == VmEventReason::MemAccess) {
            answer.flags |= vm_event_emulate;
            return may_touch(*event.mem_access);
        }
        if (event.reason != VmEventReason::EmulationUnimplemented) return false;
        // Xen cannot carry this instruction out: the guest must, with the frames open for a moment.
        ++slipped_;
        for (const std::uint64_t frame : frames_)
            xc_set_mem_access(request_.xen->control(), request_.domain.id, XENMEM_access_rwx, frame, 1);
        reopened_ = true;
        return false;
    }

    // How many bytes it touches is not known yet: 64 is the most that one access has.
    [[nodiscard]] bool may_touch(const VmEvent::MemAccess& access) const {
        constexpr std::uint64_t widest = 64;
        const GuestPlace& place = request_.places.front();
        return access.gfn == place.frame && access.offset < place.offset + place.size &&
               access.offset + widest > place.offset;
    }

    Status restrict(std::uint64_t frame) {
        for (const xenmem_access_t access : wanted_accesses(request_.kind)) {
            if (xc_set_mem_access(request_.xen->control(), request_.domain.id, access, frame, 1) != 0)
                continue;
            access_ = access;
            return done();
        }
        return arm_error(fmt::format("restrict frame {:#x} of {}", frame, request_.domain.label()),
                         "Xen refused: it needs Intel's nested page tables (EPT)",
                         "`stakeout-xen doctor` tells what works here", errno);
    }

    // Write: reads and execution stay free. Reads cannot be trapped alone.
    static std::vector<xenmem_access_t> wanted_accesses(AccessKind kind) {
        switch (kind) {
        case AccessKind::Write:
            return {XENMEM_access_rx};
        case AccessKind::Execute:
            return {XENMEM_access_rw};
        case AccessKind::Read:
        case AccessKind::ReadWrite:
            break;
        }
        return {XENMEM_access_x, XENMEM_access_n}; // the first where the CPU has execute-only mappings
    }

    Status restrict_all() {
        UndoList& undo = *request_.undo;
        for (const GuestPlace& place : request_.places) {
            if (std::find(frames_.begin(), frames_.end(), place.frame) != frames_.end()) continue;
            if (undo.frames_count >= UndoList::most_frames)
                return arm_error("watch so many frames",
                                 fmt::format("{} is the most", UndoList::most_frames));
            undo.frames[undo.frames_count++] = place.frame;
            frames_.push_back(place.frame);
        }
        for (const std::uint64_t frame : frames_)
            if (auto set = restrict(frame); !set) return set;
        return done();
    }

    void take(const RawEvent& raw) {
        if (!raw.event.mem_access) return;
        const VmEvent::MemAccess& m = *raw.event.mem_access;
        complete_of(raw.event.vcpu, raw.before);
        std::optional<std::size_t> place;
        const DecodedAccess decoded = decoder_.decode(raw.event);
        for (std::size_t i = 0; i < request_.places.size() && !place; ++i) {
            const GuestPlace& p = request_.places[i];
            if (p.frame == m.gfn && m.offset < p.offset + p.size && m.offset + decoded.bytes > p.offset)
                place = i;
        }
        if (!place || !wanted(decoded.access)) {
            ++outside_;
            return;
        }
        add(raw, *place, decoded);
    }

    [[nodiscard]] bool wanted(Access access) const {
        switch (request_.kind) {
        case AccessKind::Write:
            return access == Access::Write || access == Access::Unknown;
        case AccessKind::Read:
            return access == Access::Read || access == Access::Unknown;
        case AccessKind::Execute:
            return access == Access::Execute;
        case AccessKind::ReadWrite:
            break;
        }
        return access != Access::Execute;
    }

    void add(const RawEvent& raw, std::size_t place, const DecodedAccess& decoded) {
        // A frame that may be read traps for writes alone.
        const Access kind = request_.kind == AccessKind::Write ? Access::Write : decoded.access;
        const VmEvent::MemAccess& m = *raw.event.mem_access;
        Waiting waiting;
        GuestAccess& access = waiting.access;
        access.time_ns = raw.time_ns;
        access.place = place;
        access.access = kind;
        access.vcpu = raw.event.vcpu;
        access.ip = raw.event.registers.rip;
        if (in_long_mode(raw.event.registers)) access.user_mode = in_user_mode(raw.event.registers);
        access.captured = raw.captured;
        access.registers = raw.event.registers;
        access.before = true;
        access.instruction = decoded.instruction;
        access.physical = m.gfn * guest_page_bytes + m.offset;
        if (m.gla_valid) access.linear = m.gla;
        access.old_value = raw.before[place];
        waiting.rip = raw.event.registers.rip;
        for (Waiting& other : in_order_)
            if (!other.complete && other.access.place == place)
                other.access.unordered = access.unordered = true;
        if (kind == Access::Read || kind == Access::Execute) {
            access.new_value = access.old_value;
            waiting.complete = true;
        }
        in_order_.push_back(std::move(waiting));
    }

    // A vCPU that sends an event has done what it was answered before.
    void complete_of(std::uint32_t vcpu, const std::vector<Value>& now) {
        for (Waiting& waiting : in_order_)
            if (!waiting.complete && waiting.access.vcpu == vcpu) complete(waiting, now);
    }

    static void complete(Waiting& waiting, const std::vector<Value>& now) {
        waiting.access.new_value = now[waiting.access.place];
        // Code that the disassembler does not know (16 and 32 bits): a value that changed was written.
        if (waiting.access.access == Access::Unknown && waiting.access.new_value != waiting.access.old_value)
            waiting.access.access = Access::Write;
        waiting.complete = true;
    }

    // Nothing more comes: what is there now is what the last access left, once its vCPU has moved on.
    void settle() {
        if (reopened_.exchange(false) && !suspended_)
            for (const std::uint64_t frame : frames_) (void)!restrict(frame);
        for (Waiting& waiting : in_order_) {
            if (waiting.complete) continue;
            // The next event tells for nothing; asking Xen stops the guest.
            if (monotonic_ns() - waiting.access.time_ns < settles_after_ns) continue;
            if (!has_moved_on(waiting)) continue;
            const auto now = thread_->settled();
            if (!now) return;
            complete(waiting, *now);
        }
    }

    [[nodiscard]] bool has_moved_on(const Waiting& waiting) {
        if (monotonic_ns() - waiting.access.time_ns > second_ns) return true; // it was answered long ago
        const auto state = vcpu_state(*request_.xen, request_.domain, *waiting.access.vcpu);
        return state && state->registers.rip != waiting.rip;
    }

    BackendRequest request_;
    AccessDecoder decoder_;
    std::vector<PlaceValue> values_;
    std::vector<std::uint64_t> frames_;
    xenmem_access_t access_ = XENMEM_access_rwx;
    std::deque<Waiting> in_order_;
    std::uint64_t outside_ = 0;
    std::atomic<std::uint64_t> slipped_ = 0;
    std::atomic<bool> reopened_ = false;
    bool suspended_ = false;
    std::unique_ptr<EventThread> thread_; // the last: it uses the others
};

// Xen refuses to restrict a frame there, but only once a ring is up (p2m_mem_access_sanity_check() of 4.17):
// asking it would need one.
bool is_svm() {
    unsigned leaf = 0;
    std::array<unsigned, 3> name{};
    if (__get_cpuid(0, &leaf, &name[0], &name[2], &name[1]) == 0) return false;
    const auto letters = std::bit_cast<std::array<char, 12>>(name);
    const std::string_view vendor(letters.data(), letters.size());
    return vendor == "AuthenticAMD" || vendor == "HygonGenuine";
}

} // namespace

BackendProbe probe_mem_access(const Hypervisor& xen, const Domain& domain) {
    BackendProbe probe{"mem-access", false, {}, {}};
    if (domain.kind == DomainKind::Pv) {
        probe.says = "for guests under nested page tables; a PV guest has none";
        return probe;
    }
    std::uint32_t capabilities = 0;
    if (xc_monitor_get_capabilities(xen.control(), domain.id, &capabilities) != 0) {
        probe.says = "Xen has no monitor for this domain";
        probe.remedy = "it needs a Xen built with MEM_ACCESS and a CPU with VMX";
        return probe;
    }
    if (is_svm()) {
        probe.says = "Xen restricts frames under Intel's nested page tables (EPT) only; this CPU has AMD's";
        probe.remedy = "use debug-event, or a host with VMX and EPT";
        return probe;
    }
    probe.usable = true;
    probe.says = "every access to the frame by whatever address: registers, stack, task, old and new value";
    return probe;
}

Result<std::unique_ptr<Backend>> make_mem_access(const BackendRequest& request) {
    const BackendProbe probe = probe_mem_access(*request.xen, request.domain);
    if (!probe.usable)
        return arm_error(fmt::format("watch {} by mem-access", request.domain.label()), probe.says,
                         probe.remedy);
    if (request.places.size() != 1 || request.places.front().size > most_bytes)
        return arm_error(fmt::format("watch {} by mem-access", request.domain.label()),
                         fmt::format("it copies the watched bytes at each event: {} at the most", most_bytes),
                         "watch fewer bytes, or use --backend page-diff");
    return std::unique_ptr<Backend>(std::make_unique<MemAccess>(request));
}

} // namespace stakeout
