// The debug registers of an HVM or PVH vCPU, written as a live migration would bring them: by the records of
// Xen's own saved state, all vCPUs' at once (Xen stops every vCPU whose record is missing), their XSAVE areas
// with them.
//
// Why not xc_vcpu_setcontext(), which would do for one vCPU: it makes Xen forget the AVX registers (see
// extended_state.h), and the calls that could put those back are for PV guests only.
#pragma once

#include "xen-bridge/domain/vcpu.h"

namespace stakeout {

// The domain must be paused. Error (CannotArm): Xen refused.
[[nodiscard]] Status write_hvm_debug_registers(const Hypervisor& xen, const Domain& domain,
                                               std::uint32_t vcpu, const DebugRegisters& registers);

} // namespace stakeout
