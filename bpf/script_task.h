/* on_task: private part of bpf/stakeout.h.
 *
 * bpf_task_work (Linux 6.18) calls back in the task's own context, before it goes on in user mode. One item
 * can be under way for each struct bpf_task_work, so there are SO_TASK_LOOKS of them; what finds none free is
 * counted.
 */
#ifndef STAKEOUT_SCRIPT_TASK_H
#define STAKEOUT_SCRIPT_TASK_H

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
