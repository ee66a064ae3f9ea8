#include "xen-bridge/backend/vcpu_slots.h"

#include "base/monotonic_clock.h"
#include "xen-bridge/care/debug_registers.h"

#include <fmt/format.h>

#include <algorithm>

namespace stakeout {

Result<KnownPause> KnownPause::begin(const BackendRequest& request) {
    UndoList& undo = *request.undo;
    const auto now = domain_by_id(*request.xen, request.domain.id);
    undo.was_paused = now && now->paused ? 1 : 0;
    undo.pause = UndoList::Pause::Begun;
    auto pause = PausedDomain::pause(*request.xen, request.domain.id);
    if (!pause) {
        undo.pause = UndoList::Pause::None;
        return std::move(pause).error();
    }
    undo.pause = UndoList::Pause::Held;
    return KnownPause(undo, std::move(*pause));
}

KnownPause::KnownPause(KnownPause&& other) noexcept
    : undo_(std::exchange(other.undo_, nullptr)), pause_(std::move(other.pause_)) {}

KnownPause::~KnownPause() {
    if (undo_ == nullptr) return;
    // As it was begun: what is in between may be either.
    undo_->pause = UndoList::Pause::Begun;
    pause_.reset();
    undo_->pause = UndoList::Pause::None;
}

Status VcpuSlots::choose(const std::vector<Slot>& pieces) {
    std::vector<std::string> taken;
    bool free[slots_per_cpu] = {true, true, true, true};
    for (std::uint32_t vcpu = 0; vcpu < request_.domain.vcpus; ++vcpu) {
        const auto state = vcpu_state(*request_.xen, request_.domain, vcpu);
        if (!state) continue;
        for (unsigned slot = 0; slot < slots_per_cpu; ++slot) {
            if (!is_enabled(state->debug, slot)) continue;
            free[slot] = false;
            taken.push_back(
                fmt::format("slot {} of vCPU {} at {:#x}", slot, vcpu, state->debug.address[slot]));
        }
    }
    for (unsigned slot = slots_per_cpu; slot-- > 0 && chosen_.size() < pieces.size();)
        if (free[slot]) chosen_.push_back(slot);
    pieces_ = pieces;
    if (chosen_.size() == pieces.size()) return done();
    std::string who;
    for (const std::string& one : taken) who += (who.empty() ? "" : ", ") + one;
    return arm_error(
        fmt::format("arm {} debug registers on every vCPU of {}", pieces.size(), request_.domain.label()),
        taken.empty() ? std::string("a vCPU has four") : fmt::format("the guest uses some itself ({})", who),
        "watch fewer bytes or aliases, or use --backend page-diff", ENOSPC);
}

std::uint64_t VcpuSlots::mask() const {
    std::uint64_t bits = 0;
    for (const unsigned slot : chosen_) bits |= 1ULL << slot;
    return bits;
}

Status VcpuSlots::arm() {
    UndoList& undo = *request_.undo;
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
        const unsigned slot = chosen_[i];
        DebugRegisters alone;
        set_slot(alone, slot, pieces_[i].address, on_, pieces_[i].length);
        undo.slots[slot] = {alone.address[slot], alone.control};
        undo.slots_set |= 1U << slot;
        set_slot(ours_, slot, pieces_[i].address, on_, pieces_[i].length);
    }
    return write_all(true);
}

Status VcpuSlots::write(std::uint32_t vcpu, DebugRegisters registers, bool set) {
    for (const unsigned slot : chosen_) {
        if (set) {
            clear_slot(registers, slot);
            registers.address[slot] = ours_.address[slot];
        } else if (same_slot(registers, ours_, slot)) {
            clear_slot(registers, slot);
        }
    }
    if (set) registers.control |= ours_.control;
    return set_debug_registers(*request_.xen, request_.domain, vcpu, registers, *request_.undo);
}

Status VcpuSlots::write_all(bool set) {
    if (auto ours = still_ours(); !ours) return ours;
    auto pause = KnownPause::begin(request_);
    if (!pause) return std::move(pause).error();
    for (std::uint32_t vcpu = 0; vcpu < request_.domain.vcpus; ++vcpu) {
        const auto state = vcpu_state(*request_.xen, request_.domain, vcpu);
        if (!state) continue; // never brought up: audit() finds it when it is
        if (auto written = write(vcpu, state->debug, set); !written) return written;
        const auto back = vcpu_state(*request_.xen, request_.domain, vcpu);
        Seen& seen = vcpus_[vcpu];
        seen.in_order = back && in_order(back->debug);
        if (set && !seen.in_order)
            return arm_error(fmt::format("arm vCPU {} of {}", vcpu, request_.domain.label()),
                             "the debug registers do not read back as they were written");
        seen.good_ns = monotonic_ns();
    }
    if (set) armed_();
    suspended_ = !set;
    return done();
}

bool VcpuSlots::in_order(const DebugRegisters& registers) const {
    return std::all_of(chosen_.begin(), chosen_.end(),
                       [&](unsigned slot) { return same_slot(registers, ours_, slot); });
}

// The guardian may have freed the guest while we stood still: nothing must be set any more then.
Status VcpuSlots::still_ours() const {
    if (request_.undo->guardian_acted == 0) return done();
    return internal_error(fmt::format("keep {} armed", request_.domain.label()),
                          "the bridge stood still, and its guardian has freed the guest");
}

Status VcpuSlots::suspend() { return suspended_ ? done() : write_all(false); }
Status VcpuSlots::resume() { return suspended_ ? write_all(true) : done(); }

Status VcpuSlots::audit(BackendNews& news) {
    if (suspended_) return done();
    const std::vector<bool> online = online_vcpus(*request_.xen, request_.domain);
    for (std::uint32_t vcpu = 0; vcpu < request_.domain.vcpus; ++vcpu) {
        Seen& seen = vcpus_[vcpu];
        if (!online[vcpu]) {
            if (seen.online) news.notes.push_back(fmt::format("vCPU {} was unplugged", vcpu));
            seen.online = false;
            continue;
        }
        const auto state = vcpu_state(*request_.xen, request_.domain, vcpu);
        if (!state) continue;
        if (auto fine = repair(vcpu, state->debug, seen, news); !fine) return fine;
        seen.online = true;
    }
    news.vcpus_armed = armed_vcpus();
    return done();
}

Status VcpuSlots::repair(std::uint32_t vcpu, const DebugRegisters& now, Seen& seen, BackendNews& news) {
    if (in_order(now)) {
        seen.in_order = true;
        seen.good_ns = monotonic_ns();
        return done();
    }
    if (auto ours = still_ours(); !ours) return ours;
    const std::string cause = !seen.online        ? "it was unplugged and came back"
                              : seen.good_ns == 0 ? "it was just brought up"
                                                  : "the guest wrote its debug registers itself";
    auto pause = KnownPause::begin(request_);
    if (!pause) return std::move(pause).error();
    const auto state = vcpu_state(*request_.xen, request_.domain, vcpu);
    if (!state) return done(); // gone again
    // A slot that the guest took for itself meanwhile is the guest's.
    for (const unsigned slot : chosen_)
        if (is_enabled(state->debug, slot) && !same_slot(state->debug, ours_, slot)) {
            if (seen.in_order)
                news.notes.push_back(fmt::format(
                    "vCPU {} is not watched: the guest uses debug register {} itself", vcpu, slot));
            seen.in_order = false;
            return done();
        }
    if (auto written = write(vcpu, state->debug, true); !written) return written;
    const std::uint64_t at = monotonic_ns();
    news.notes.push_back(seen.good_ns == 0
                             ? fmt::format("vCPU {} is armed now: {}", vcpu, cause)
                             : fmt::format("vCPU {} was not watched for at most {:.3f} s: {}; armed again",
                                           vcpu, static_cast<double>(at - seen.good_ns) / 1e9, cause));
    seen.in_order = true;
    seen.good_ns = at;
    return done();
}

std::uint32_t VcpuSlots::armed_vcpus() const {
    return static_cast<std::uint32_t>(std::count_if(vcpus_.begin(), vcpus_.end(), [](const auto& entry) {
        return entry.second.in_order && entry.second.online;
    }));
}

} // namespace stakeout
