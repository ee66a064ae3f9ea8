// MUST SAY: 512|stack
#include <stakeout.h>

on_hit(h) {
    volatile char buffer[600]; // HERE
    for (int i = 0; i < 600; i++) buffer[i] = h->new;
    return buffer[17] ? keep : drop;
}
