// MUST SAY: beyond its end|no limit
#include <stakeout.h>

static volatile u64 table[16];
on_hit(h) {
    table[h->pid]++; // HERE
    return keep;
}
