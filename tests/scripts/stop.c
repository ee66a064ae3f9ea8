// Ends the watch at the hit that writes a certain value, from the hit or from its follow-up.
#include <stakeout.h>

param(u64, value, 5);
param(bool, later, false);
param(bool, silently, false);

on_hit(h) {
    if (h->new != value) return keep;
    if (later)
        defer(h, 100);
    else
        stop(h);
    return silently ? drop : keep;
}

on_followup(f) {
    stop(f);
    return keep;
}
