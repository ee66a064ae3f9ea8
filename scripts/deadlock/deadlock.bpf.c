// What deadlock takes along with each write to a process's lock: the registers and the innermost part of the stack. The C
// library keeps no frame pointers, so that the function that took the lock is missing from the stack that the kernel
// unwinds; with these its call frame information finds it. Kernel stacks need none of this (ORC).
#include <stakeout.h>

enum { part = 256 }; // bytes; in two parts, since a thread's stack may end after the first

struct fields {
    u64 ax, bx, cx, dx, si, di, bp, sp, r8, r9, r10, r11, r12, r13, r14, r15;
};

on_hit(h) {
    if (!h->user_mode) return keep;
    struct fields *f = fields(h);
    f->ax = h->regs.ax;
    f->bx = h->regs.bx;
    f->cx = h->regs.cx;
    f->dx = h->regs.dx;
    f->si = h->regs.si;
    f->di = h->regs.di;
    f->bp = h->regs.bp;
    f->sp = h->regs.sp;
    f->r8 = h->regs.r8;
    f->r9 = h->regs.r9;
    f->r10 = h->regs.r10;
    f->r11 = h->regs.r11;
    f->r12 = h->regs.r12;
    f->r13 = h->regs.r13;
    f->r14 = h->regs.r14;
    f->r15 = h->regs.r15;
    snapshot_user(h, h->regs.sp, part);
    snapshot_user(h, h->regs.sp + part, part);
    return keep;
}
