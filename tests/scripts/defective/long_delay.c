// MUST SAY: ten seconds|10 s|10 seconds
#include <stakeout.h>

on_hit(h) {
    defer(h, 60000000); // HERE
    return undecided;
}
on_followup(f) { return keep; }
