// MUST SAY: memory is touched through a pointer|a number is used as a pointer|unchecked
#include <stakeout.h>

static u64 next;
on_hit(h) {
    bpf_probe_read_kernel(&next, sizeof(next), (void *)h->address);
    u64 value = *(u64 *)next; // HERE
    return value ? keep : drop;
}
