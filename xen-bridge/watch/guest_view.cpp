#include "xen-bridge/watch/guest_view.h"

#include "xen-bridge/domain/vcpu.h"

#include <fmt/format.h>

namespace stakeout {
namespace {

PageTables tables_of(const GuestRegisters& registers, DomainKind kind) {
    // A PV guest's CR3 is folded for 32-bit guests only; Xen offers PV guests four levels.
    return {registers.cr3 / guest_page_bytes, kind == DomainKind::Pv ? 4 : page_table_levels(registers)};
}

std::vector<KernelHint> hints_of(const VcpuState& state, DomainKind kind) {
    return kind == DomainKind::Pv ? pv_hints(state.entries.event_callback, state.entries.syscall_callback)
                                  : lstar_hints(state.registers.lstar);
}

} // namespace

Result<std::unique_ptr<GuestView>> GuestView::look(const Hypervisor& xen, const Domain& domain,
                                                   const std::string& symbols_file) {
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor
    std::unique_ptr<GuestView> view(new GuestView(xen, domain));
    std::optional<VcpuState> state;
    for (std::uint32_t vcpu = 0; vcpu < domain.vcpus && !state; ++vcpu)
        if (auto one = vcpu_state(xen, domain, vcpu)) state = *one;
    if (!state)
        return arm_error(fmt::format("look into {}", domain.label()), "none of its vCPUs has run yet",
                         "wait until the guest has started");
    view->memory_.emplace(view->frames_,
                          tables_with_kernel(view->frames_, tables_of(state->registers, domain.kind)));
    auto kernel = GuestKernel::find(*view->memory_, {hints_of(*state, domain.kind), symbols_file, {}});
    if (kernel)
        view->kernel_ = std::move(*kernel);
    else if (!symbols_file.empty())
        return std::move(kernel).error(); // what was named must be right
    else
        view->why_no_kernel_ = std::move(kernel).error();
    return view;
}

GuestMemory GuestView::memory_of(const GuestRegisters& registers) {
    return {frames_, tables_of(registers, domain_.kind)};
}

} // namespace stakeout
