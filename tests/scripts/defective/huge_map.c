// MUST SAY: too large|too big|MiB
#include <stakeout.h>

struct big { char bytes[65536]; };
per_key(u32, struct big, bigs, 100000); // HERE?
on_hit(h) {
    struct {
        int x;
    } unused;
    (void)unused;
    return bpf_map_lookup_elem(&bigs_map, &h->pid) ? keep : drop;
}
