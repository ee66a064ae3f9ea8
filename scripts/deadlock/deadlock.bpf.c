// What deadlock takes along with each write to a process's lock: the registers and the innermost part of the
// stack. The C library keeps no frame pointers, so that the function that took the lock is missing from the
// stack that the kernel unwinds; with these its call frame information finds it. Kernel stacks need none of
// this (ORC).
#include <stakeout.h>

#include "scripts/diagnosis/registers.h"

enum { part = 256 }; // bytes; in two parts, since a thread's stack may end after the first

on_hit(h) {
    if (!h->user_mode) return keep;
    take_registers(h);
    snapshot_user(h, h->regs.sp, part);
    snapshot_user(h, h->regs.sp + part, part);
    return keep;
}
