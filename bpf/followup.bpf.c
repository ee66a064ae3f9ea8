// Starts the follow-ups' timers when a hit asks for it.
//
// A hit may not touch a timer: it runs like an NMI. But it may ask for an interrupt: a ring buffer's forced
// wake-up is an irq_work, an interrupt that this CPU sends to itself and takes as soon as it can
// (bpf/hit_stages.h). The kernel's irq_work_entry tracepoint runs in it, and there timers may be started.
// Every irq_work of the machine comes by here; the queue tells whether it was one of ours.
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#define STAKEOUT_LAYOUT
#include "bpf/stakeout.h"

char LICENSE[] SEC("license") = "GPL";

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct so_queue);
    __uint(max_entries, 1);
} so_queues SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct so_alarm);
    __uint(max_entries, 1);
} so_alarms SEC(".maps");

SEC("tp_btf/irq_work_entry")
int on_kick(void* ctx) {
    __u32 cpu = bpf_get_smp_processor_id();
    struct so_queue* q = bpf_map_lookup_elem(&so_queues, &cpu);
    if (!q || !q->kicks) return 0;
    q->kicks = 0;
    __u64 due = q->next_due_ns, now = bpf_ktime_get_ns();
    struct so_alarm* alarm = bpf_map_lookup_elem(&so_alarms, &cpu);
    if (alarm && due) bpf_timer_start(&alarm->timer, due > now ? due - now : 0, alarm->flags);
    return 0;
}
