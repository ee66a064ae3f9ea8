// MUST SAY: no_such_helper
#include <stakeout.h>

on_hit(h) {
    u64 (*no_such_helper)(void) = (void *)4999;
    return no_such_helper() ? keep : drop; // HERE
}
