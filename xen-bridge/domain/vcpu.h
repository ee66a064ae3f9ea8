// A vCPU's registers, read and (the debug registers only) written from dom0. Meant for a paused domain: of a
// running one the values are those of some moment.
#pragma once

#include "base/result.h"
#include "xen-bridge/domain/domain.h"
#include "xen-bridge/guest/registers.h"

#include <array>
#include <cstdint>
#include <vector>

namespace stakeout {

// A vCPU's own view of its debug registers. Xen loads them when the vCPU runs.
struct DebugRegisters {
    std::array<std::uint64_t, 4> address{};
    std::uint64_t status = 0;  // DR6
    std::uint64_t control = 0; // DR7
    bool operator==(const DebugRegisters&) const = default;
};

enum class TrapOn : std::uint8_t { Execute = 0, Write = 1, ReadWrite = 3 };

// `length`: 1, 2, 4 or 8, the address a multiple of it; 1 to execute.
void set_slot(DebugRegisters& registers, unsigned slot, std::uint64_t address, TrapOn on, unsigned length);
void clear_slot(DebugRegisters& registers, unsigned slot);
[[nodiscard]] bool is_enabled(const DebugRegisters& registers, unsigned slot);
// The part of DR7 that belongs to one slot, its address beside it: do both say the same of it?
[[nodiscard]] bool same_slot(const DebugRegisters& left, const DebugRegisters& right, unsigned slot);

// Of a PV guest's kernel: where Xen enters it, which tells where its image lies.
struct PvEntries {
    std::uint64_t event_callback = 0;
    std::uint64_t syscall_callback = 0;
};

struct VcpuState {
    GuestRegisters registers; // cr3: of a PV guest the kernel's page tables; gs_base: the kernel's
    DebugRegisters debug;
    PvEntries entries; // PV only
};

// Error (CannotArm): no such vCPU, or it was never brought up.
[[nodiscard]] Result<VcpuState> vcpu_state(const Hypervisor& xen, const Domain& domain, std::uint32_t vcpu);
// The domain must be paused, since the whole context is written back. Xen forgets a PV vCPU's extended state
// by it: care/debug_registers.h keeps that.
[[nodiscard]] Status write_debug_registers(const Hypervisor& xen, const Domain& domain, std::uint32_t vcpu,
                                           const DebugRegisters& registers);

} // namespace stakeout
