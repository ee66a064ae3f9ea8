#include "xen-bridge/care/debug_registers.h"

#include "xen-bridge/domain/extended_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

namespace stakeout {

Status set_debug_registers(const Hypervisor& xen, const Domain& domain, std::uint32_t vcpu,
                           const DebugRegisters& registers, UndoList& undo) {
    if (domain.kind != DomainKind::Pv)
        return write_debug_registers(xen, domain, vcpu, registers); // with all of it
    auto state = extended_state(xen, domain, vcpu);
    if (!state) return std::move(state).error();
    if (state->bytes.size() > undo.kept_state.size())
        return arm_error(fmt::format("write the debug registers of vCPU {} of {}", vcpu, domain.label()),
                         fmt::format("its extended state has {} bytes, and there is room for {}",
                                     state->bytes.size(), undo.kept_state.size()),
                         "use --backend page-diff");
    std::copy(state->bytes.begin(), state->bytes.end(), undo.kept_state.begin());
    undo.kept_bytes = static_cast<std::uint32_t>(state->bytes.size());
    std::atomic_signal_fence(std::memory_order_seq_cst); // whoever finds the number finds the bytes
    undo.kept_of = vcpu + 1;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    auto written = write_debug_registers(xen, domain, vcpu, registers);
    if (auto restored = restore_extended_state(xen, domain, vcpu, *state); !restored) return restored;
    undo.kept_of = 0;
    return written;
}

Result<bool> finish_debug_registers(const Hypervisor& xen, const Domain& domain, UndoList& undo) {
    if (undo.kept_of == 0) return false;
    ExtendedState state;
    const std::size_t bytes = std::min<std::size_t>(undo.kept_bytes, undo.kept_state.size());
    state.bytes.assign(undo.kept_state.begin(), undo.kept_state.begin() + static_cast<std::ptrdiff_t>(bytes));
    if (auto restored = restore_extended_state(xen, domain, undo.kept_of - 1, state); !restored)
        return std::move(restored).error();
    undo.kept_of = 0;
    return true;
}

} // namespace stakeout
