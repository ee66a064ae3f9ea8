/* For recipes' scripts: the registers after the access, as the hit's fields. Which pointer a copy was given,
 * and where a stack without frame pointers goes on, only they tell. */
#ifndef STAKEOUT_DIAGNOSIS_REGISTERS_H
#define STAKEOUT_DIAGNOSIS_REGISTERS_H

struct fields {
    u64 ax, bx, cx, dx, si, di, bp, sp, r8, r9, r10, r11, r12, r13, r14, r15;
};

static __always_inline void take_registers(struct hit* h) {
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
}

#endif
