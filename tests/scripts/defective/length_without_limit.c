// MUST SAY: no limit|may be negative|length
#include <stakeout.h>

static char copy[64];
on_hit(h) {
    bpf_probe_read_kernel(copy, h->new, (void *)h->address); // HERE
    return keep;
}
