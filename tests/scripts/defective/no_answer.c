// MUST SAY: return
#include <stakeout.h>

on_hit(h) {
    if (h->new > 5) return keep;
} // HERE?
