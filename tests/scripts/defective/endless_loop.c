// MUST SAY: no way out|does not end
#include <stakeout.h>

static volatile u64 turns;
on_hit(h) {
    for (;;) // HERE
        turns++;
    return keep;
}
