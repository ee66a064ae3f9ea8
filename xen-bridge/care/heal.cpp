#include "xen-bridge/care/heal.h"

#include "xen-bridge/care/debug_registers.h"
#include "xen-bridge/domain/xen_api.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace stakeout {
namespace {

std::string refused(std::string_view what) { return fmt::format("{}: {}", what, std::strerror(errno)); }

// A list that was begun and not finished may speak of a pause that was not made.
void end_pause(const Hypervisor& xen, const Domain& domain, UndoList& list, Healed& healed) {
    if (list.pause == UndoList::Pause::None) return;
    const bool ours = list.pause == UndoList::Pause::Held || (domain.paused && list.was_paused == 0);
    if (ours && xc_domain_unpause(xen.control(), domain.id) == 0)
        healed.taken_back.emplace_back("the domain's pause");
    list.pause = UndoList::Pause::None;
}

// Frames first: once the guest's accesses are free, no new event comes.
void free_frames(const Hypervisor& xen, const Domain& domain, UndoList& list, Healed& healed) {
    if (list.view != 0) {
        if (xc_altp2m_switch_to_view(xen.control(), domain.id, 0) != 0 ||
            xc_altp2m_destroy_view(xen.control(), domain.id, static_cast<std::uint16_t>(list.view)) != 0)
            healed.failed.push_back(refused(fmt::format("altp2m view {}", list.view)));
        else
            healed.taken_back.push_back(fmt::format("altp2m view {}", list.view));
        list.view = 0;
    }
    for (std::uint32_t i = 0; i < list.frames_count && i < UndoList::most_frames; ++i) {
        const std::uint64_t frame = list.frames[i];
        if (xc_set_mem_access(xen.control(), domain.id, XENMEM_access_rwx, frame, 1) != 0)
            healed.failed.push_back(refused(fmt::format("access of frame {:#x}", frame)));
        else
            healed.taken_back.push_back(fmt::format("access of frame {:#x}", frame));
    }
    list.frames_count = 0;
    if (list.altp2m != 0) {
        if (xc_altp2m_set_domain_state(xen.control(), domain.id, false) == 0)
            healed.taken_back.emplace_back("altp2m");
        else
            healed.failed.push_back(refused("altp2m"));
        list.altp2m = 0;
    }
}

void end_monitor(const Hypervisor& xen, const Domain& domain, UndoList& list, Healed& healed) {
    if (list.single_step != 0) xc_monitor_singlestep(xen.control(), domain.id, false);
    if (list.debug_exceptions != 0) xc_monitor_debug_exceptions(xen.control(), domain.id, false, false);
    list.single_step = list.debug_exceptions = 0;
    if (list.monitor == 0) return;
    take_ring_back(xen, domain, healed);
    list.monitor = 0;
}

bool clear_ours(DebugRegisters& registers, const UndoList& list) {
    bool changed = false;
    for (unsigned slot = 0; slot < 4; ++slot) {
        if ((list.slots_set & (1U << slot)) == 0) continue;
        DebugRegisters ours;
        ours.address[slot] = list.slots[slot].address;
        ours.control = list.slots[slot].control;
        if (!is_enabled(registers, slot) || !same_slot(registers, ours, slot)) continue;
        clear_slot(registers, slot);
        changed = true;
    }
    if (changed) registers.status &= ~0xfULL; // which slot trapped last: of ours
    return changed;
}

void clear_debug_registers(const Hypervisor& xen, const Domain& domain, UndoList& list, Healed& healed) {
    if (list.slots_set == 0) return;
    auto paused = PausedDomain::pause(xen, domain.id);
    if (!paused) {
        healed.failed.push_back(paused.error().sentence());
        return;
    }
    if (auto finished = finish_debug_registers(xen, domain, list); !finished)
        healed.failed.push_back(finished.error().sentence());
    else if (*finished)
        healed.taken_back.emplace_back("a change of debug registers that was under way");
    for (std::uint32_t vcpu = 0; vcpu < domain.vcpus; ++vcpu) {
        auto state = vcpu_state(xen, domain, vcpu);
        if (!state) continue; // never brought up: has none of ours
        if (!clear_ours(state->debug, list)) continue;
        if (auto written = set_debug_registers(xen, domain, vcpu, state->debug, list); !written)
            healed.failed.push_back(written.error().sentence());
        else
            healed.taken_back.push_back(fmt::format("debug registers of vCPU {}", vcpu));
    }
    list.slots_set = 0;
}

void end_trace(const Hypervisor& xen, UndoList& list, Healed& healed) {
    if (list.trace == 0) return;
    if (xc_tbuf_disable(xen.control()) == 0)
        healed.taken_back.emplace_back("Xen's tracing");
    else
        healed.failed.push_back(refused("Xen's tracing"));
    list.trace = 0;
}

} // namespace

Healed heal(const Hypervisor& xen, UndoList& list) {
    Healed healed;
    const auto domain = domain_by_id(xen, list.domain);
    if (!domain || domain->uuid != list.uuid) {
        healed.gone = true;
        end_trace(xen, list, healed);
        UndoList empty = list;
        empty.pause = UndoList::Pause::None;
        empty.slots_set = empty.kept_of = empty.monitor = empty.single_step = empty.debug_exceptions = 0;
        empty.frames_count = empty.view = empty.altp2m = empty.log_dirty = 0;
        list = empty;
        return healed;
    }
    free_frames(xen, *domain, list, healed);
    // While Xen still tells us of debug exceptions: one of ours, handed to the guest, may end a process of
    // it.
    clear_debug_registers(xen, *domain, list, healed);
    end_monitor(xen, *domain, list, healed);
    if (list.log_dirty != 0) {
        xc_shadow_control(xen.control(), domain->id, XEN_DOMCTL_SHADOW_OP_OFF, nullptr, 0);
        list.log_dirty = 0;
    }
    end_trace(xen, list, healed);
    end_pause(xen, *domain, list, healed);
    return healed;
}

} // namespace stakeout
