// MUST SAY: const|constant|read-only
#include <stakeout.h>

param(u64, low, 1);
on_hit(h) {
    low = h->new; // HERE
    return keep;
}
