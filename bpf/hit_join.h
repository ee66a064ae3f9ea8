// One access, several traps: which traps belong to the hit before them.
#pragma once

#include "bpf/hit_state.h"

static __always_inline bool same_registers(const struct so_regs* a, const struct so_regs* b) {
    return a->ip == b->ip && a->sp == b->sp && a->ax == b->ax && a->bx == b->bx && a->cx == b->cx &&
           a->dx == b->dx && a->si == b->si && a->di == b->di && a->bp == b->bp && a->r8 == b->r8 &&
           a->r9 == b->r9 && a->r10 == b->r10 && a->r11 == b->r11 && a->r12 == b->r12 && a->r13 == b->r13 &&
           a->r14 == b->r14 && a->r15 == b->r15 && a->flags == b->flags;
}

// The next step of the REP-prefixed copy that trapped last: the counter fell by n, the destination moved by n
// elements, and the instruction pointer stayed, or left it after the last element (a REP instruction has at
// most 4 bytes here).
static __always_inline bool next_step_of_copy(const struct so_regs* before, const struct so_regs* now) {
    __u64 elements = before->cx - now->cx, bytes = now->di - before->di;
    if (now->ip - before->ip > 4 || now->sp != before->sp) return false;
    if (elements == 0 || elements > SO_REGION_BYTES) return false;
    return bytes == elements || bytes == 8 * elements || bytes == 4 * elements;
}

enum join { NOT_JOINED, SAME_STORE, SAME_COPY };

static __always_inline enum join joined_to_previous(const struct scratch* s, const struct so_regs* regs,
                                                    __u32 tid, int slot, bool user_mode) {
    if (!joins_possible || s->previous_seq == 0 || s->previous_tid != tid) return NOT_JOINED;
    if (!(s->previous_slots & (1u << slot)) && same_registers(&s->previous, regs)) return SAME_STORE;
    if (user_regions && !user_mode && next_step_of_copy(&s->previous, regs)) return SAME_COPY;
    return NOT_JOINED;
}
