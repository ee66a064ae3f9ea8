// MUST SAY: 32|per-CPU|per CPU
#include <stakeout.h>

struct big { char bytes[65536]; };
per_cpu(struct big, scratch); // HERE?
on_hit(h) {
    struct big *b = scratch();
    return b && b->bytes[5] ? keep : drop;
}
