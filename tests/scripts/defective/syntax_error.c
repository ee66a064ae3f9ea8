// MUST SAY: expected
#include <stakeout.h>

on_hit(h) {
    return h->new > 5 ? keep; // HERE
}
