#include "xen-bridge/guest/registers.h"

namespace stakeout {

so_regs to_so_regs(const GuestRegisters& registers) {
    so_regs out{};
    out.r15 = registers.r15;
    out.r14 = registers.r14;
    out.r13 = registers.r13;
    out.r12 = registers.r12;
    out.bp = registers.rbp;
    out.bx = registers.rbx;
    out.r11 = registers.r11;
    out.r10 = registers.r10;
    out.r9 = registers.r9;
    out.r8 = registers.r8;
    out.ax = registers.rax;
    out.cx = registers.rcx;
    out.dx = registers.rdx;
    out.si = registers.rsi;
    out.di = registers.rdi;
    out.ip = registers.rip;
    out.cs = registers.cs;
    out.flags = registers.rflags;
    out.sp = registers.rsp;
    out.ss = registers.ss;
    return out;
}

} // namespace stakeout
