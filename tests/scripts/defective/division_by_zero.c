// MUST SAY: zero
#include <stakeout.h>

on_hit(h) {
    return h->new / (sizeof(u64) - 8) > 1 ? keep : drop; // HERE
}
