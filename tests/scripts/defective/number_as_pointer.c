// MUST SAY: a number is used as a pointer
#include <stakeout.h>

on_hit(h) {
    return *(u32 *)h->new == 7 ? keep : drop; // HERE
}
