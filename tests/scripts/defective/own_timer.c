// MUST SAY: timer
#include <stakeout.h>

struct timed { struct bpf_timer timer; };
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct timed);
} timed_map SEC(".maps");
on_hit(h) {
    u32 zero = 0;
    struct timed *t = bpf_map_lookup_elem(&timed_map, &zero);
    if (t) bpf_timer_start(&t->timer, 1000, 0); // HERE
    return keep;
}
