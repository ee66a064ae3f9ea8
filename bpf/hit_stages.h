// Predicates and scripts: how a hit gets to them, and what becomes of what they said.
//
// Where a watch has any, on_access ends after the value was exchanged: it shows the hit in so_hits and
// tail-calls the first stage (a predicate's code or the script's on_hit), the last of which tail-calls
// `conclude`. Without any the verifier removes all this. Tail calls and not one program, because each part
// can then be made, checked and refused by itself: predicates are instructions made from --when, scripts come
// out of a compiler.
#pragma once

#include "bpf/hit_order.h"
#include "bpf/hit_state.h"

static __always_inline void fill_hit(struct hit* h, const struct scratch* s, const struct so_plan* plan,
                                     const struct so_context* ctx) {
    const struct so_record* r = &s->record;
    __u32 region = r->region & (SO_REGIONS - 1);
    __u64 width = region_size[region];
    __u64 mask = width >= 8 || !width ? ~0ull : (1ull << 8 * width) - 1;
    __u32 shift = width >= 8 || !width ? 0 : 64 - 8 * width;
    __u64 before = *(const __u64*)r->old_bytes & mask, after = *(const __u64*)r->new_bytes & mask;
    h->seq = r->seq;
    h->time_ns = r->time_ns;
    h->address = plan->region_address[region];
    h->ip = ctx->regs.ip;
    h->old = before;
    h->new = after;
    h->delta = (__s64)((after - before) << shift) >> shift;
    h->width = width;
    h->target = region;
    h->cpu = r->cpu;
    h->user_mode = (r->flags & SO_USER_MODE) != 0;
    h->unreadable = (r->flags & SO_NEW_UNREADABLE) != 0;
    if (shows_pid) {
        __u64 pid_tgid = bpf_get_current_pid_tgid();
        h->pid = pid_tgid >> 32;
        h->tid = (__u32)pid_tgid;
    }
    if (shows_comm) bpf_get_current_comm(h->comm, sizeof(h->comm));
    __builtin_memcpy(h->old_bytes, r->old_bytes, SO_REGION_BYTES);
    __builtin_memcpy(h->new_bytes, r->new_bytes, SO_REGION_BYTES);
    const __u64 *a = (const __u64*)h->old_bytes, *b = (const __u64*)h->new_bytes;
    h->changed = !h->unreadable && (a[0] != b[0] || a[1] != b[1] || a[2] != b[2] || a[3] != b[3]);
    h->access = certain_access ? certain_access : h->changed ? SO_WRITE : SO_UNKNOWN_ACCESS;
    if (runs_script) {
        h->task = bpf_get_current_task();
        copy_regs(&h->regs, &ctx->regs);
    }
    __builtin_memset(&h->asked, 0, sizeof(h->asked));
    h->asked.verdict = keep;
    h->extra.snapshot_bytes = 0;
    h->extra.refused = 0;
}

static __always_inline int show_to_stages(struct so_context* ctx, struct scratch* s,
                                          const struct so_plan* plan, struct so_cpu* c) {
    __u32 zero = 0;
    struct hit* h = bpf_map_lookup_elem(&so_hits, &zero);
    const struct so_queue* first = bpf_map_lookup_elem(&so_queues, &zero);
    if (!h || !first) return 0;
    if (first->stops) { // a follow-up called stop()
        ended = 1;
        script_stopped = 1;
        c->late++;
        return 1;
    }
    fill_hit(h, s, plan, ctx);
    s->record.delay_ns = 0;
    bpf_tail_call(ctx, &so_stages, SO_FIRST);
    c->late++; // reached only while user space takes the stages down
    return 0;
}

// A place in this CPU's queue, and a kick where the timer would otherwise come too late or not at all.
static __always_inline void wait_for_followup(struct hit* h, struct so_record* r, __u32 cpu) {
    struct so_queue* q = bpf_map_lookup_elem(&so_queues, &cpu);
    if (!q) return;
    q->deferred++;
    __u64 due = r->time_ns + h->asked.delay_ns;
    for (int try = 0; try < 8; try++) {
        struct so_waiting* w = &q->waiting[q->head++ & (SO_QUEUE - 1)];
        if (w->taken) continue;
        __builtin_memcpy(w, h, offsetof(struct so_waiting, due_ns));
        __builtin_memcpy(w->fields, h->extra.fields, SO_FIELDS_BYTES);
        w->due_ns = due;
        w->hit_verdict = h->asked.verdict;
        __sync_fetch_and_add(&q->waits, 1);
        w->taken = 1;
        r->flags |= SO_DEFERRED;
        r->delay_ns = h->asked.delay_ns;
        if (kicks_wanted && (!q->next_due_ns || due < q->next_due_ns)) {
            __u64 nothing = 0;
            q->next_due_ns = due;
            q->kicks++;
            bool locked = take_order_lock();
            if (bpf_ringbuf_output(&so_kicks, &nothing, sizeof(nothing), BPF_RB_FORCE_WAKEUP))
                q->next_due_ns = 0; // the next hit that defers tries again
            if (locked) release_order_lock();
        }
        return;
    }
    q->missed++;
    r->flags |= SO_MISSED;
}

// Fields and snapshots go before their hit, so that the reader has them when it comes.
static __always_inline void send_extra(struct hit* h, struct so_record* r) {
    __u64 size = h->extra.snapshot_bytes;
    if (!has_fields && !size && !h->asked.refused) return;
    if (size > SO_SNAPSHOT_ROOM) size = SO_SNAPSHOT_ROOM;
    h->extra.kind = SO_EXTRA;
    h->extra.verdict = h->asked.verdict;
    h->extra.seq = r->seq;
    h->extra.time_ns = r->time_ns;
    h->extra.refused = h->asked.refused;
    bool locked = take_order_lock();
    if (bpf_ringbuf_output(&records, &h->extra, offsetof(struct so_extra, snapshots) + size,
                           BPF_RB_NO_WAKEUP))
        r->flags |= SO_EXTRA_LOST;
    if (locked) release_order_lock();
}
