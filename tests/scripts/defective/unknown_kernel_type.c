// MUST SAY: struct no_such_thing|incomplete
#include <stakeout.h>

on_hit(h) {
    struct no_such_thing *thing = (void *)h->new;
    return BPF_CORE_READ(thing, member) ? keep : drop; // HERE
}
