// MUST SAY: spin lock|bpf_spin_lock
#include <stakeout.h>

struct guarded { struct bpf_spin_lock lock; u64 count; };
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct guarded);
} guarded_map SEC(".maps");
on_hit(h) {
    u32 zero = 0;
    struct guarded *g = bpf_map_lookup_elem(&guarded_map, &zero);
    if (!g) return drop;
    bpf_spin_lock(&g->lock); // HERE
    g->count++;
    bpf_spin_unlock(&g->lock);
    return keep;
}
