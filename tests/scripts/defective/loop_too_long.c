// MUST SAY: too many|too long|limit
#include <stakeout.h>

static volatile u64 table[256];
on_hit(h) {
    for (u64 i = 0; i < 10000000; i++) // HERE
        if (table[i & 255] == h->new) return keep;
    return drop;
}
