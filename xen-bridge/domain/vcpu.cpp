#include "xen-bridge/domain/vcpu.h"
#include "xen-bridge/domain/hvm_context.h"
#include "xen-bridge/domain/xen_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace stakeout {
namespace {

Error no_context(const Domain& domain, std::uint32_t vcpu, int number) {
    return arm_error(fmt::format("read vCPU {} of {}", vcpu, domain.label()),
                     "Xen does not give its registers: it was never brought up, or is gone", {}, number);
}

GuestRegisters from_pv(const vcpu_guest_context_x86_64_t& context) {
    const auto& user = context.user_regs;
    GuestRegisters r;
    r.rax = user.rax, r.rbx = user.rbx, r.rcx = user.rcx, r.rdx = user.rdx;
    r.rsi = user.rsi, r.rdi = user.rdi, r.rbp = user.rbp, r.rsp = user.rsp;
    r.r8 = user.r8, r.r9 = user.r9, r.r10 = user.r10, r.r11 = user.r11;
    r.r12 = user.r12, r.r13 = user.r13, r.r14 = user.r14, r.r15 = user.r15;
    r.rip = user.rip, r.rflags = user.rflags;
    r.cs = user.cs, r.ss = user.ss;
    r.cr0 = context.ctrlreg[0], r.cr2 = context.ctrlreg[2], r.cr3 = context.ctrlreg[3],
    r.cr4 = context.ctrlreg[4];
    r.fs_base = context.fs_base;
    r.gs_base = context.gs_base_kernel;
    r.shadow_gs = context.gs_base_user;
    r.dr6 = context.debugreg[6], r.dr7 = context.debugreg[7];
    return r;
}

GuestRegisters from_hvm(const hvm_hw_cpu& cpu) {
    GuestRegisters r;
    r.rax = cpu.rax, r.rbx = cpu.rbx, r.rcx = cpu.rcx, r.rdx = cpu.rdx;
    r.rsi = cpu.rsi, r.rdi = cpu.rdi, r.rbp = cpu.rbp, r.rsp = cpu.rsp;
    r.r8 = cpu.r8, r.r9 = cpu.r9, r.r10 = cpu.r10, r.r11 = cpu.r11;
    r.r12 = cpu.r12, r.r13 = cpu.r13, r.r14 = cpu.r14, r.r15 = cpu.r15;
    r.rip = cpu.rip, r.rflags = cpu.rflags;
    r.cs = static_cast<std::uint16_t>(cpu.cs_sel), r.ss = static_cast<std::uint16_t>(cpu.ss_sel);
    r.cr0 = cpu.cr0, r.cr2 = cpu.cr2, r.cr3 = cpu.cr3, r.cr4 = cpu.cr4;
    r.fs_base = cpu.fs_base, r.gs_base = cpu.gs_base, r.shadow_gs = cpu.shadow_gs;
    r.dr6 = cpu.dr6, r.dr7 = cpu.dr7;
    r.efer = cpu.msr_efer, r.lstar = cpu.msr_lstar;
    return r;
}

// The whole context is some five kilobytes.
using Context = std::unique_ptr<vcpu_guest_context_any_t>;

Result<Context> pv_context(const Hypervisor& xen, const Domain& domain, std::uint32_t vcpu) {
    auto context = std::make_unique<vcpu_guest_context_any_t>();
    if (xc_vcpu_getcontext(xen.control(), domain.id, vcpu, context.get()) != 0)
        return no_context(domain, vcpu, errno);
    return context;
}

Result<VcpuState> pv_state(const Hypervisor& xen, const Domain& domain, std::uint32_t vcpu) {
    auto context = pv_context(xen, domain, vcpu);
    if (!context) return std::move(context).error();
    const vcpu_guest_context_x86_64_t& c = (*context)->x64;
    VcpuState state;
    state.registers = from_pv(c);
    std::copy_n(std::begin(c.debugreg), 4, state.debug.address.begin());
    state.debug.status = c.debugreg[6];
    state.debug.control = c.debugreg[7];
    state.entries = {c.event_callback_eip, c.syscall_callback_eip};
    return state;
}

} // namespace

Result<VcpuState> vcpu_state(const Hypervisor& xen, const Domain& domain, std::uint32_t vcpu) {
    if (domain.kind == DomainKind::Pv) return pv_state(xen, domain, vcpu);
    hvm_hw_cpu cpu{};
    if (xc_domain_hvm_getcontext_partial(xen.control(), domain.id, HVM_SAVE_CODE(CPU),
                                         static_cast<std::uint16_t>(vcpu), &cpu, sizeof cpu) != 0)
        return no_context(domain, vcpu, errno);
    VcpuState state;
    state.registers = from_hvm(cpu);
    state.debug = {{cpu.dr0, cpu.dr1, cpu.dr2, cpu.dr3}, cpu.dr6, cpu.dr7};
    return state;
}

Status write_debug_registers(const Hypervisor& xen, const Domain& domain, std::uint32_t vcpu,
                             const DebugRegisters& registers) {
    if (domain.kind != DomainKind::Pv) return write_hvm_debug_registers(xen, domain, vcpu, registers);
    auto context = pv_context(xen, domain, vcpu);
    if (!context) return std::move(context).error();
    vcpu_guest_context_x86_64_t& c = (*context)->x64;
    std::copy(registers.address.begin(), registers.address.end(), std::begin(c.debugreg));
    c.debugreg[6] = registers.status;
    c.debugreg[7] = registers.control;
    if (xc_vcpu_setcontext(xen.control(), domain.id, vcpu, context->get()) != 0)
        return arm_error(fmt::format("write the debug registers of vCPU {} of {}", vcpu, domain.label()),
                         "Xen refused them", {}, errno);
    return done();
}

} // namespace stakeout
