// Writes a vCPU's debug registers so that nothing else of the vCPU changes, whoever dies in between: its
// extended state (domain/extended_state.h) is kept in the undo list while Xen has forgotten it.
#pragma once

#include "xen-bridge/care/lease.h"
#include "xen-bridge/domain/vcpu.h"

namespace stakeout {

// The domain must be paused. Error (CannotArm): Xen refused; nothing has changed then, or heal() puts it
// right.
[[nodiscard]] Status set_debug_registers(const Hypervisor& xen, const Domain& domain, std::uint32_t vcpu,
                                         const DebugRegisters& registers, UndoList& undo);

// What a bridge that died in the middle left behind. The domain must be paused. True: there was something.
[[nodiscard]] Result<bool> finish_debug_registers(const Hypervisor& xen, const Domain& domain,
                                                  UndoList& undo);

} // namespace stakeout
