// MUST SAY: uninitialized
#include <stakeout.h>

on_hit(h) {
    u64 value;
    return value > 3 ? keep : drop; // HERE
}
