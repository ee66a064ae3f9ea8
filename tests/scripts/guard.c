// Keeps values outside [low, high]; counts each writer's offences.
#include <stakeout.h>

param(u64, low, 0);
param(u64, high, 10);
param(char, reason[16], "out of range");

struct fields {
    u64 offences; // of this process so far
    s64 beyond;   // how far outside
    bool first;
    char why[16];
};

per_key(u32, u64, offences_of, 1024);

on_hit(h) {
    if (h->new >= low && h->new <= high) return drop;
    u64 *offences = offences_of(h->pid);
    if (!offences) return keep;
    fields(h)->first = *offences == 0;
    fields(h)->offences = ++*offences;
    fields(h)->beyond = h->new < low ? (s64)(h->new - low) : (s64)(h->new - high);
    for (int i = 0; i < 15; i++) fields(h)->why[i] = reason[i];
    return keep;
}
