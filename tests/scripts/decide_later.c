// The follow-up decides: hits with an odd value are shown.
#include <stakeout.h>

param(u64, delay, 300);
param(bool, hide_hit, false); // the hit itself is dropped, and only the follow-up is shown

struct fields {
    u64 seen; // in the follow-up
};

on_hit(h) {
    defer(h, delay);
    return hide_hit ? drop : undecided;
}

on_followup(f) {
    fields(f)->seen = f->new;
    return f->new & 1 ? keep : drop;
}
