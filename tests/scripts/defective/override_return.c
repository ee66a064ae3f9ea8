// MUST SAY: bpf_override_return
#include <stakeout.h>

on_hit(h) {
    bpf_override_return((struct pt_regs *)&h->regs, 1); // HERE
    return keep;
}
