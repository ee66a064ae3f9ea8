// A guest vCPU's registers, whichever way they came: a PV vCPU's context, or a vm_event request.
#pragma once

#include "bpf/record.h"

#include <cstdint>

namespace stakeout {

struct GuestRegisters {
    std::uint64_t rax = 0, rbx = 0, rcx = 0, rdx = 0, rsi = 0, rdi = 0, rbp = 0, rsp = 0;
    std::uint64_t r8 = 0, r9 = 0, r10 = 0, r11 = 0, r12 = 0, r13 = 0, r14 = 0, r15 = 0;
    std::uint64_t rip = 0, rflags = 0;
    std::uint64_t cr0 = 0, cr2 = 0, cr3 = 0, cr4 = 0;
    std::uint64_t fs_base = 0;
    std::uint64_t gs_base = 0;   // the GS base in force
    std::uint64_t shadow_gs = 0; // what SWAPGS would bring (HVM, PVH: MSR_KERNEL_GS_BASE)
    std::uint64_t dr6 = 0, dr7 = 0;
    std::uint64_t efer = 0, lstar = 0; // 0: not known
    std::uint16_t cs = 0, ss = 0;      // selectors

    bool operator==(const GuestRegisters&) const = default;
};

// Judged by the instruction pointer's half of the address space: a PV guest's kernel runs in ring 3, so its
// selector does not tell.
[[nodiscard]] inline bool in_user_mode(const GuestRegisters& registers) { return (registers.rip >> 63) == 0; }

// EFER.LMA. Of other code the disassembler knows nothing, and the address does not tell the mode.
[[nodiscard]] inline bool in_long_mode(const GuestRegisters& registers) {
    return (registers.efer & (1ULL << 10)) != 0;
}

// The kernel's GS base (its per-CPU area), of an HVM or PVH vCPU: in user mode the shadow one. Between kernel
// entry and SWAPGS this is the user's: whoever uses it checks what he finds (guest_task.h does).
[[nodiscard]] inline std::uint64_t kernel_gs_base(const GuestRegisters& registers) {
    return (registers.gs_base >> 63) != 0 ? registers.gs_base : registers.shadow_gs;
}

// CR4.LA57: five levels of page tables.
[[nodiscard]] inline int page_table_levels(const GuestRegisters& registers) {
    return (registers.cr4 & (1ULL << 12)) != 0 ? 5 : 4;
}

// As locate_access() (watchpoints/hit/instruction.h) wants them.
[[nodiscard]] so_regs to_so_regs(const GuestRegisters& registers);

} // namespace stakeout
