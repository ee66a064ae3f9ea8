// Each hit is looked at again. Tells where both ran: preempt_count and CPU.
#include <stakeout.h>

param(u64, delay, 0);                // microseconds
param(u64, runqueue_offset, 0);      // of `runqueues` and of the preempt count in the per-CPU area
param(u64, preempt_count_offset, 0);

struct fields {
    u64 hit;
    u32 preempt_count;
    u32 cpu;
};

static __always_inline u32 preempt_count(void) {
    u64 base = (u64)BPF_CORE_READ(current_task(), se.cfs_rq, rq) - runqueue_offset;
    u32 count = 0;
    if (preempt_count_offset) bpf_probe_read_kernel(&count, sizeof(count), (void *)(base + preempt_count_offset));
    return count;
}

on_hit(h) {
    fields(h)->hit = h->seq;
    fields(h)->preempt_count = preempt_count();
    fields(h)->cpu = bpf_get_smp_processor_id();
    defer(h, delay);
    return keep;
}

on_followup(f) {
    fields(f)->preempt_count = preempt_count();
    fields(f)->cpu = bpf_get_smp_processor_id();
    return keep;
}
