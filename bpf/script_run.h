/* How a script's functions become BPF programs: private part of bpf/stakeout.h.
 *
 * The maps named so_* are the hit program's own: the loader replaces them by those
 * (loader/script_program.cpp). on_hit becomes a stage of the hit program, reached and left by a tail call;
 * what it says lies in `struct hit`, of which each CPU has one. on_followup becomes the callback of a
 * bpf_timer, one for each CPU: see bpf/followup.bpf.c for who starts it, and docs/decisions/0011-follow-up.md
 * for why.
 */
#ifndef STAKEOUT_SCRIPT_RUN_H
#define STAKEOUT_SCRIPT_RUN_H

#ifndef __maybe_unused
#define __maybe_unused __attribute__((unused))
#endif
#define SO_HELPER static __always_inline __maybe_unused

char so_license[] SEC("license") __attribute__((weak)) = "GPL";

struct fields;
/* Keeps the type in the object's BTF, where the loader looks for it. */
const struct fields* so_fields_type SEC(".stakeout") __attribute__((used, weak));

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, struct hit);
    __uint(max_entries, 1);
} so_hits SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(key_size, 4);
    __uint(value_size, 4);
    __uint(max_entries, SO_STAGES);
} so_stages SEC(".maps");

/* ---- on_hit ---- */

SO_HELPER struct hit* so_begin_hit(void) {
    __u32 zero = 0;
    struct hit* h = bpf_map_lookup_elem(&so_hits, &zero);
    if (h) __builtin_memset(h->extra.fields, 0, sizeof(h->extra.fields));
    return h;
}

#define SO_ON_HIT(h)                                                                                         \
    static __always_inline enum verdict so_on_hit(void* so_ctx, struct hit* h);                              \
    SEC("perf_event") int stakeout_hit(void* so_ctx) {                                                       \
        struct hit* so_hit = so_begin_hit();                                                                 \
        if (so_hit) {                                                                                        \
            so_hit->asked.verdict = so_on_hit(so_ctx, so_hit);                                               \
            so_hit->asked.reason = SO_DROP_SCRIPT;                                                           \
        }                                                                                                    \
        bpf_tail_call(so_ctx, &so_stages, SO_CONCLUDE);                                                      \
        return 0;                                                                                            \
    }                                                                                                        \
    static __always_inline enum verdict so_on_hit(__maybe_unused void* so_ctx, struct hit* h)

SO_HELPER long so_defer(struct so_asked* asked, __u64 microseconds) {
    if (microseconds > SO_MAX_DELAY_US) microseconds = SO_MAX_DELAY_US;
    asked->delay_ns = microseconds * 1000;
    asked->defers = 1;
    return 0;
}

/* Where a snapshot is read from. */
enum so_memory { SO_KERNEL_MEMORY, SO_USER_MEMORY };

/* The place for a snapshot of so many bytes, header filled in; NULL: it does not fit. */
SO_HELPER char* so_begin_snapshot(struct so_asked* asked, struct so_extra* extra, __u64 address,
                                  __u64 bytes) {
    __u64 used = extra->snapshot_bytes & 0xffff;
    if (bytes == 0 || bytes > SO_SNAPSHOT_BYTES || used > SO_SNAPSHOT_BYTES + SO_SNAPSHOTS * 24 ||
        asked->snapshots >= SO_SNAPSHOTS || asked->snapshot_total + bytes > SO_SNAPSHOT_BYTES) {
        asked->refused++;
        return 0;
    }
    struct so_snapshot header = {.address = address, .bytes = bytes, .failed = 1};
    char* at = (char*)extra->snapshots + used;
    bpf_probe_read_kernel(at, sizeof(header), &header);
    asked->snapshots++;
    asked->snapshot_total += bytes;
    extra->snapshot_bytes = used + sizeof(header) + ((bytes + 7) & ~7ull);
    return at;
}

SO_HELPER long so_end_snapshot(char* at, long failed) {
    __u32 flag = failed != 0;
    bpf_probe_read_kernel(at + offsetof(struct so_snapshot, failed), sizeof(flag), &flag);
    return failed;
}

SO_HELPER long so_snapshot(struct so_asked* asked, struct so_extra* extra, __u64 address, __u64 bytes,
                           enum so_memory memory) {
    char* at = so_begin_snapshot(asked, extra, address, bytes);
    if (!at || bytes > SO_SNAPSHOT_BYTES) return -7; /* E2BIG */
    char* to = at + sizeof(struct so_snapshot);
    return so_end_snapshot(at, memory == SO_USER_MEMORY
                                   ? bpf_probe_read_user(to, bytes, (const void*)address)
                                   : bpf_probe_read_kernel(to, bytes, (const void*)address));
}

SO_HELPER long so_snapshot_waiting(struct so_asked* asked, struct so_extra* extra, __u64 address,
                                   __u64 bytes) {
    char* at = so_begin_snapshot(asked, extra, address, bytes);
    if (!at || bytes > SO_SNAPSHOT_BYTES) return -7; /* E2BIG */
    return so_end_snapshot(at,
                           bpf_copy_from_user(at + sizeof(struct so_snapshot), bytes, (const void*)address));
}

SO_HELPER int so_from(const volatile struct so_function* wanted, __u64 ip) {
    return ip >= wanted->start && ip < wanted->end;
}

struct so_frames {
    __u64 ip[SO_MAX_DEPTH + 1];
};
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, struct so_frames);
    __uint(max_entries, 1);
} so_frames SEC(".maps");

SO_HELPER int so_called_from(void* ctx, const volatile struct so_function* wanted, __u64 ip, int user_mode) {
    __u32 zero = 0;
    struct so_frames* frames = bpf_map_lookup_elem(&so_frames, &zero);
    if (!frames) return 0;
    if (so_from(wanted, ip)) return 1;
    long got = bpf_get_stack(ctx, frames->ip, SO_MAX_DEPTH * 8, user_mode ? BPF_F_USER_STACK : 0);
    for (long i = 1; i < SO_MAX_DEPTH && i * 8 < got; i++)
        if (so_from(wanted, frames->ip[i] - 1)) return 1; /* a return address: one behind the call */
    return 0;
}

/* ---- on_followup ---- */

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

/* ---- on_task ----
 *
 * bpf_task_work (Linux 6.18) calls back in the task's own context, before it goes on in user mode. One item
 * can be under way for each struct bpf_task_work, so there are SO_TASK_LOOKS of them; what finds none free is
 * counted.
 */
enum { SO_TASK_LOOKS = 64 };

#define SO_ON_TASK(f)                                                                                        \
    struct so_task_look {                                                                                    \
        struct bpf_task_work work;                                                                           \
        __u64 taken;                                                                                         \
        struct so_waiting hit;                                                                               \
        struct followup look;                                                                                \
    };                                                                                                       \
    struct {                                                                                                 \
        __uint(type, BPF_MAP_TYPE_ARRAY);                                                                    \
        __type(key, __u32);                                                                                  \
        __type(value, struct so_task_look);                                                                  \
        __uint(max_entries, SO_TASK_LOOKS);                                                                  \
    } so_task_works SEC(".maps");                                                                            \
    extern int bpf_task_work_schedule_signal_impl(struct task_struct* task, struct bpf_task_work* work,      \
                                                  void* map, int (*callback)(struct bpf_map*, void*, void*), \
                                                  void* aux) __ksym;                                         \
    static __always_inline enum verdict so_on_task(struct followup* f);                                      \
    static int so_task_looks(struct bpf_map* so_map, void* so_key, void* so_value) {                         \
        struct so_task_look* so_item = so_value;                                                             \
        struct followup* so_look = &so_item->look;                                                           \
        so_begin_look(so_look, &so_item->hit);                                                               \
        enum verdict so_said = so_on_task(so_look);                                                          \
        so_end_task_look(so_look, so_said);                                                                  \
        so_item->taken = 0;                                                                                  \
        return 0;                                                                                            \
    }                                                                                                        \
    SO_HELPER int so_schedule_task_look(struct hit* h) {                                                     \
        for (__u32 so_i = 0; so_i < 16; so_i++) {                                                            \
            __u32 so_key = (h->seq + so_i) & (SO_TASK_LOOKS - 1);                                            \
            struct so_task_look* so_item = bpf_map_lookup_elem(&so_task_works, &so_key);                     \
            if (!so_item || __sync_val_compare_and_swap(&so_item->taken, 0, 1)) continue;                    \
            __builtin_memcpy(&so_item->hit, h, offsetof(struct so_waiting, due_ns));                         \
            __builtin_memcpy(so_item->hit.fields, h->extra.fields, SO_FIELDS_BYTES);                         \
            so_item->hit.due_ns = h->time_ns;                                                                \
            so_item->hit.hit_verdict = keep;                                                                 \
            if (!bpf_task_work_schedule_signal_impl(bpf_get_current_task_btf(), &so_item->work,              \
                                                    &so_task_works, so_task_looks, 0))                       \
                return 1;                                                                                    \
            so_item->taken = 0;                                                                              \
        }                                                                                                    \
        return 2;                                                                                            \
    }                                                                                                        \
    static __always_inline enum verdict so_on_task(struct followup* f)

SO_HELPER void so_end_task_look(struct followup* f, enum verdict said) {
    __u32 cpu = f->cpu;
    struct so_queue* queue = bpf_map_lookup_elem(&so_queues, &cpu);
    if (so_send_look(f, SO_TASK_LOOK, said) != 0 && queue) __sync_fetch_and_add(&queue->unsent, 1);
    if (!queue) return;
    if (f->asked.stops) so_stop_watch();
    __sync_fetch_and_add(&queue->task_looks, 1);
}

/* Before on_hit, on_task must be known: a script that asks for it is written in that order. */
#define so_defer_to_task(h) ((h)->asked.to_task = so_schedule_task_look(h))

#endif
