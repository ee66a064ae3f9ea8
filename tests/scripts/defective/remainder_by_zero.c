// MUST SAY: zero
#include <stakeout.h>

on_hit(h) {
    return h->new % 0 ? keep : drop; // HERE
}
