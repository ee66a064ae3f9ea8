/* on_followup: private part of bpf/stakeout.h. The script's function becomes the callback of each CPU's
 * timer, which works the CPU's queue off (docs/decisions/0011-follow-up.md).
 */
#ifndef STAKEOUT_SCRIPT_FOLLOWUP_H
#define STAKEOUT_SCRIPT_FOLLOWUP_H

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct so_queue);
    __uint(max_entries, 1); /* number of possible CPUs, set before loading */
} so_queues SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct followup);
    __uint(max_entries, 1);
} so_followups SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct so_alarm);
    __uint(max_entries, 1);
} so_alarms SEC(".maps");

/* A ring of their own: a follow-up that holds the ring's lock must not make a hit on another CPU lose its
 * record. */
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 4 * 1024 * 1024);
} so_looks SEC(".maps");

SO_HELPER void so_begin_look(struct followup* f, const struct so_waiting* w) {
    __builtin_memcpy(f, w, offsetof(struct so_waiting, due_ns));
    __builtin_memcpy(f->extra.fields, w->fields, SO_FIELDS_BYTES);
    __builtin_memset(&f->asked, 0, sizeof(f->asked));
    f->due_ns = w->due_ns;
    f->now_ns = bpf_ktime_get_ns();
    f->extra.seq = w->seq;
    f->extra.time_ns = f->now_ns;
    f->extra.due_ns = w->due_ns;
    f->extra.cpu = bpf_get_smp_processor_id();
    f->extra.tid = (__u32)bpf_get_current_pid_tgid();
    f->extra.hit_verdict = w->hit_verdict;
    f->extra.snapshot_bytes = 0;
}

SO_HELPER long so_send_look(struct followup* f, __u32 kind, __u32 verdict) {
    f->extra.kind = kind;
    f->extra.verdict = verdict;
    f->extra.refused = f->asked.refused;
    f->extra.stops = f->asked.stops;
    __u64 size = f->extra.snapshot_bytes;
    if (size > SO_SNAPSHOT_ROOM) size = SO_SNAPSHOT_ROOM;
    return bpf_ringbuf_output(&so_looks, &f->extra, offsetof(struct so_extra, snapshots) + size,
                              f->asked.stops ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

/* One round of one CPU's queue: everything that is due is looked at; the earliest of the rest tells when to
 * come again. */
struct so_round {
    struct so_queue* queue;
    struct followup* look;
    __u64 now_ns;
    __u64 next_due_ns;
    __u64 left; /* places taken that have not been met yet */
};

SO_HELPER __u64 so_earlier(__u64 a, __u64 b) { return a && (!b || a < b) ? a : b; }

#define SO_ON_FOLLOWUP(f)                                                                                    \
    static __always_inline enum verdict so_on_followup(struct followup* f);                                  \
    static long so_look_at(__u64 so_turn, struct so_round* so_round) {                                       \
        if (so_turn >= SO_QUEUE || !so_round->left) return 1;                                                \
        struct so_queue* so_queue = so_round->queue;                                                         \
        struct followup* so_look = so_round->look;                                                           \
        struct so_waiting* so_waiting = &so_queue->waiting[so_turn & (SO_QUEUE - 1)];                        \
        if (!so_waiting->taken) return 0;                                                                    \
        so_round->left--;                                                                                    \
        if (so_waiting->due_ns > so_round->now_ns) {                                                         \
            so_round->next_due_ns = so_earlier(so_round->next_due_ns, so_waiting->due_ns);                   \
            return 0;                                                                                        \
        }                                                                                                    \
        so_begin_look(so_look, so_waiting);                                                                  \
        enum verdict so_said = so_on_followup(so_look);                                                      \
        so_end_look(so_queue, so_look, so_waiting, so_said);                                                 \
        return 0;                                                                                            \
    }                                                                                                        \
    SO_HELPER __u64 so_follow_up(__u32 so_cpu) {                                                             \
        struct so_round so_round = {};                                                                       \
        so_round.queue = bpf_map_lookup_elem(&so_queues, &so_cpu);                                           \
        so_round.look = bpf_map_lookup_elem(&so_followups, &so_cpu);                                         \
        if (!so_round.queue || !so_round.look) return 0;                                                     \
        so_round.queue->next_due_ns = 0;                                                                     \
        so_round.left = so_round.queue->waits;                                                               \
        so_round.now_ns = bpf_ktime_get_ns();                                                                \
        if (so_round.left) bpf_loop(SO_QUEUE, so_look_at, &so_round, 0);                                     \
        __u64 so_next = so_earlier(so_round.next_due_ns, so_round.queue->next_due_ns);                       \
        so_round.queue->next_due_ns = so_next;                                                               \
        return so_next;                                                                                      \
    }                                                                                                        \
    static int so_alarm_rings(void* so_map, __u32* so_key, struct so_alarm* so_alarm) {                      \
        __u64 so_next = so_follow_up(so_alarm->cpu);                                                         \
        so_set_alarm(so_alarm, so_next);                                                                     \
        return 0;                                                                                            \
    }                                                                                                        \
    SEC("syscall") int stakeout_followup_arm(struct so_arm_request* so_request) {                            \
        __u32 so_cpu = so_request->cpu;                                                                      \
        struct so_alarm* so_alarm = bpf_map_lookup_elem(&so_alarms, &so_cpu);                                \
        if (!so_alarm) return -2;                                                                            \
        so_alarm->cpu = so_cpu;                                                                              \
        so_alarm->flags = so_request->flags;                                                                 \
        so_alarm->period_ns = so_request->period_ns;                                                         \
        bpf_timer_init(&so_alarm->timer, &so_alarms, 1 /* CLOCK_MONOTONIC */);                               \
        long so_failed = bpf_timer_set_callback(&so_alarm->timer, so_alarm_rings);                           \
        if (so_failed) return so_failed;                                                                     \
        __u64 so_first = so_request->period_ns ? so_request->period_ns : 3600ull * 1000000000;               \
        return bpf_timer_start(&so_alarm->timer, so_first, so_request->flags);                               \
    }                                                                                                        \
    SEC("?tp_btf/softirq_exit") int stakeout_followup_softirq(void* so_ctx) {                                \
        __u32 so_cpu = bpf_get_smp_processor_id();                                                           \
        struct so_queue* so_queue = bpf_map_lookup_elem(&so_queues, &so_cpu);                                \
        if (so_queue && so_queue->waits) so_follow_up(so_cpu);                                               \
        return 0;                                                                                            \
    }                                                                                                        \
    static __always_inline enum verdict so_on_followup(struct followup* f)

/* All CPUs' hits look at the first queue for it. */
SO_HELPER void so_stop_watch(void) {
    __u32 zero = 0;
    struct so_queue* first = bpf_map_lookup_elem(&so_queues, &zero);
    if (first) first->stops = 1;
}

SO_HELPER void so_end_look(struct so_queue* queue, struct followup* f, struct so_waiting* w,
                           enum verdict said) {
    if (f->asked.stops) so_stop_watch();
    if (so_send_look(f, SO_FOLLOWUP, said) != 0) __sync_fetch_and_add(&queue->unsent, 1);
    __sync_fetch_and_add(&queue->followed, 1);
    __sync_fetch_and_add(&queue->waits, -1);
    w->taken = 0; /* last: from here on a hit may fill the place again */
}

SO_HELPER void so_set_alarm(struct so_alarm* alarm, __u64 next_due_ns) {
    if (alarm->period_ns) {
        bpf_timer_start(&alarm->timer, alarm->period_ns, alarm->flags);
        return;
    }
    if (!next_due_ns) return;
    __u64 now = bpf_ktime_get_ns();
    bpf_timer_start(&alarm->timer, next_due_ns > now ? next_due_ns - now : 0, alarm->flags);
}

#endif
