// MUST SAY: a pointer that came out of a map is used before
#include <stakeout.h>

per_key(u32, u64, seen, 64);
on_hit(h) {
    *seen(h->pid) += 1; // HERE
    return keep;
}
