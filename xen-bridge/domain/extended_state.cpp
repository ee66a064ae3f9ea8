#include "xen-bridge/domain/extended_state.h"
#include "xen-bridge/domain/call_buffer.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>

namespace stakeout {
namespace {

// What Xen tells of it when it is asked for nothing else, and wants to hear again.
struct Form {
    std::uint64_t size = 0, features = 0;
};

// One call about a vCPU's extended state. `state` absent: Xen is asked for its form alone.
int call(const Hypervisor& xen, std::uint32_t command, const Domain& domain, std::uint32_t vcpu,
         const CallBuffer* state, Form& form) {
    CallBuffer place(xen.calls(), sizeof(xen_domctl));
    if (!place.good()) return -1;
    auto* control = static_cast<xen_domctl*>(place.address());
    *control = {};
    control->cmd = command;
    control->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    control->domain = static_cast<domid_t>(domain.id);
    control->u.vcpuextstate.vcpu = vcpu;
    control->u.vcpuextstate.size = form.size;
    control->u.vcpuextstate.xfeature_mask = form.features;
    if (state != nullptr) control->u.vcpuextstate.buffer.p = static_cast<std::uint64_t*>(state->address());
    const int outcome = xencall1(xen.calls(), __HYPERVISOR_domctl, std::bit_cast<std::uintptr_t>(control));
    form = {control->u.vcpuextstate.size, control->u.vcpuextstate.xfeature_mask};
    return outcome;
}

Error refused(std::string_view what, const Domain& domain, std::uint32_t vcpu, int number) {
    return arm_error(fmt::format("{} the extended state of vCPU {} of {}", what, vcpu, domain.label()),
                     "Xen refused; without it the vCPU's AVX registers would be lost",
                     "use --backend page-diff", number);
}

} // namespace

Result<ExtendedState> extended_state(const Hypervisor& xen, const Domain& domain, std::uint32_t vcpu) {
    Form form;
    if (call(xen, XEN_DOMCTL_getvcpuextstate, domain, vcpu, nullptr, form) != 0)
        return refused("read", domain, vcpu, errno);
    ExtendedState state;
    if (form.size == 0) return state;
    const CallBuffer buffer(xen.calls(), form.size);
    if (!buffer.good() || call(xen, XEN_DOMCTL_getvcpuextstate, domain, vcpu, &buffer, form) != 0)
        return refused("read", domain, vcpu, errno);
    // What it tells first is the most it could be.
    const auto bytes = buffer.bytes().first(std::min<std::size_t>(form.size, buffer.bytes().size()));
    state.bytes.assign(bytes.begin(), bytes.end());
    return state;
}

Status restore_extended_state(const Hypervisor& xen, const Domain& domain, std::uint32_t vcpu,
                              const ExtendedState& state) {
    if (state.bytes.empty()) return done();
    const CallBuffer buffer(xen.calls(), state.bytes.size());
    if (!buffer.good()) return refused("restore", domain, vcpu, ENOMEM);
    std::copy(state.bytes.begin(), state.bytes.end(), buffer.bytes().begin());
    Form form{state.bytes.size(), 0};
    if (call(xen, XEN_DOMCTL_setvcpuextstate, domain, vcpu, &buffer, form) != 0)
        return refused("restore", domain, vcpu, errno);
    return done();
}

} // namespace stakeout
