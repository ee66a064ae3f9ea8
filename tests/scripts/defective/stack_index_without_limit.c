// MUST SAY: array is indexed|local array
#include <stakeout.h>

on_hit(h) {
    volatile u8 local[32] = {};
    local[h->new & 63] = 1; // HERE
    return local[0] ? keep : drop;
}
