// MUST SAY: 4096
#include <stakeout.h>

on_hit(h) {
    snapshot(h, h->task, 5000); // HERE
    return keep;
}
