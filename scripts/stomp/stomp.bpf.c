// What stomp takes along with each write: the registers, which tell where a copy began, and the memory around
// the target. Kernel memory is looked at in softirq, when the whole copy has been made; a process's memory in
// the exception, since softirq interrupts whichever task runs.
#include <stakeout.h>

#include "scripts/diagnosis/registers.h"

param(u8, user, 0); // the target is a process's memory

enum { before = 64, around = 192 }; // bytes; the target is at +64

on_hit(h) {
    struct fields* f = fields(h);
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
    if (user)
        snapshot_user(h, h->address - before, around);
    else
        defer(h, 0);
    return keep;
}

on_followup(f) {
    snapshot(f, f->address - before, around);
    return keep;
}
