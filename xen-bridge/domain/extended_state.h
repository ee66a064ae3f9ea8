// A vCPU's extended state: what XSAVE keeps beyond the x87 and SSE registers (the upper halves of AVX,
// AVX-512, ...).
//
// Writing a vCPU's context, the only way to its debug registers, makes Xen forget this state: the context has
// x87 and SSE alone, and Xen marks the rest as never used (arch_set_info_guest() in xen/arch/x86/domain.c
// of 4.17). A program of the guest that adds with AVX at that moment would go on with zeros. So it is taken
// before and put back after. libxenctrl has no call for this; the hypercalls are those with which a PV guest
// migrates.
#pragma once

#include "base/result.h"
#include "xen-bridge/domain/domain.h"

#include <cstdint>
#include <vector>

namespace stakeout {

// Opaque: XCR0, XCR0's sum over time, and the XSAVE area in its standard form. Empty: the vCPU has none.
struct ExtendedState {
    std::vector<std::uint8_t> bytes;
};

// The domain must be paused from the one to the other.
[[nodiscard]] Result<ExtendedState> extended_state(const Hypervisor& xen, const Domain& domain,
                                                   std::uint32_t vcpu);
[[nodiscard]] Status restore_extended_state(const Hypervisor& xen, const Domain& domain, std::uint32_t vcpu,
                                            const ExtendedState& state);

} // namespace stakeout
