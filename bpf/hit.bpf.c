// The hit program: runs inside the debug exception, once for each slot that an access touched.
//
// It runs NMI-like for kernel accesses (nothing may sleep, take a kernel lock or fault a page in), on a CPU
// that has its interrupts off for user accesses too, so it does only what cannot be done later: who, where,
// old and new value, both stacks. Everything readable is made of that in user space.
//
// Three things are worth knowing before changing it:
//
// 1. Order. `old` and `new` of successive hits form a chain only if reading the memory, exchanging the last
// value and taking the sequence number are one step for all CPUs (bpf/hit_order.h). Where the lock stays
// busy, its holder's virtual CPU being descheduled, the hit goes on without it and says so (SO_UNORDERED).
//
// 2. Stopping. Since "perf/bpf: Call BPF handler directly, not through overflow machinery" (Linux 6.11), an
// event's limit (PERF_EVENT_IOC_REFRESH) counts only the hits for which the program returns 1: with a limit
// of one, `return 1` disables the event in the same exception. On older kernels the limit counts every hit
// and the return value is ignored; user space then sets the limit to the brake's budget (arm/brake.h). Both
// halves live with either.
//
// 3. One access, several traps. A store that straddles two slots runs the program twice; a kernel copy to a
// watched user address traps once a byte (REP MOVSB). Such traps are joined to the hit they belong to
// (bpf/hit_join.h).
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "bpf/hit_join.h"
#include "bpf/hit_order.h"
#include "bpf/hit_stages.h"
#include "bpf/hit_state.h"
#include "bpf/hit_value.h"

char LICENSE[] SEC("license") = "GPL";

// Which slot trapped: the event's address tells, each slot of a watch has its own.
static __always_inline int find_slot(const struct so_plan* plan, __u64 address) {
    for (int i = 0; i < SO_SLOTS; i++)
        if (i < plan->slots && plan->slot_address[i] == address) return i;
    return -1;
}

// No CO-RE access in this object: without one libbpf need not parse the kernel's BTF (16 ms), and the one
// offset that is needed comes from the task finder, which has it at hand. The verifier knows the task's type
// and lets the member be loaded without a helper, which would cost more than all else here where returns are
// guarded (SRSO).
static __always_inline __u64 current_mm(void) {
    const char* task = (const char*)bpf_get_current_task_btf();
    return *(const __u64*)(task + mm_offset);
}

// What the instruction decoder needs and user space could not read later: the word at the stack pointer, and
// the code of a process that may be gone by then (kernel text stays).
static __always_inline void read_code(struct so_record* r, bool user_mode) {
    const char* ip = (const char*)r->regs.ip;
    const void* sp = (const void*)r->regs.sp;
    if (!user_mode) {
        if (bpf_probe_read_kernel(&r->stack_top, sizeof(r->stack_top), sp) == 0) r->flags |= SO_TOP_VALID;
        return;
    }
    // What `push` and `call` have just written stands there: it may be the watched word.
    if (read_user_target(&r->stack_top, sizeof(r->stack_top), r->regs.sp, true) == 0)
        r->flags |= SO_TOP_VALID;
    if (bpf_probe_read_user(r->code, SO_CODE_BYTES, ip - SO_CODE_BYTES / 2) == 0) r->flags |= SO_CODE_VALID;
}

// Frames of both stacks, one after the other. A kernel stack exists only for a kernel access; a user stack is
// absent for kernel threads. Neither absence is an error.
static __always_inline void read_stacks(void* ctx, struct scratch* s, bool user_mode) {
    __u64 kernel_frames = 0, user_frames = 0;
    long got;
    if (!user_mode && kernel_stack_bytes) {
        got = bpf_get_stack(ctx, s->frames, kernel_stack_bytes, 0);
        if (got > 0) kernel_frames = (__u64)got / 8;
    }
    if (kernel_frames > SO_MAX_DEPTH) kernel_frames = SO_MAX_DEPTH;
    if (user_stack_bytes) {
        got = bpf_get_stack(ctx, &s->frames[kernel_frames], user_stack_bytes, BPF_F_USER_STACK);
        if (got > 0) user_frames = (__u64)got / 8;
    }
    s->record.kernel_frames = kernel_frames;
    s->record.user_frames = user_frames;
}

static __always_inline bool first_of_process(__u32 tgid) {
    __u32* seen = &seen_tgids[tgid & 255];
    if (*seen == tgid) return false;
    *seen = tgid;
    return true;
}

// The order lock also keeps two CPUs out of the ring at once: before rqspinlock (Linux 6.15) a reserve made
// in NMI context gives up when another CPU holds the ring, and the record would be lost.
static __always_inline bool send(struct scratch* s, bool wake) {
    __u64 frames = (__u64)s->record.kernel_frames + s->record.user_frames;
    if (frames > 2 * SO_MAX_DEPTH) frames = 2 * SO_MAX_DEPTH;
    __u64 size = sizeof(struct so_record) + frames * 8;
    bool locked = take_order_lock();
    long failed = bpf_ringbuf_output(&records, s, size, wake ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
    if (locked) release_order_lock();
    return failed == 0;
}

// Who, and with which registers: nothing that a hit needs which is dropped.
static __always_inline void fill_actor(struct so_record* r, const struct so_context* ctx) {
    __u64 pid_tgid = bpf_get_current_pid_tgid();
    r->pid = pid_tgid >> 32;
    r->tid = (__u32)pid_tgid;
    copy_regs(&r->regs, &ctx->regs);
}

static __always_inline void fill_place(struct so_record* r, const struct so_context* ctx, __u64 now,
                                       __u32 cpu, int slot, __u32 region) {
    r->time_ns = now;
    r->address = ctx->addr;
    r->cpu = cpu;
    r->slot = slot;
    r->region = region;
    r->kernel_frames = 0;
    r->user_frames = 0;
}

// A further trap of the previous hit: told only when it says something new.
static __always_inline void take_joined(struct scratch* s, const struct so_plan* plan, struct so_cpu* c,
                                        __u32 cpu, int slot, __u32 region, enum join how) {
    bool new_region = !(s->previous_regions & (1u << region));
    c->joined++;
    if (how == SAME_COPY || new_region) {
        bool locked = take_order_lock();
        exchange_value(&s->record, plan, region, cpu);
        if (locked) release_order_lock();
        s->record.kind = SO_JOINED;
        s->record.seq = s->previous_seq;
        if (!locked) s->record.flags |= SO_UNORDERED;
        send(s, false);
    }
    s->previous_slots |= 1u << slot;
    s->previous_regions |= 1u << region;
}

// What a dropped hit costs beside the exception; not worth asking the clock again.
#define DROPPED_HIT_NS 400

// True when the brake's budget of this window is spent.
static __always_inline bool brake_says_stop(struct so_cpu* c, __u64 began, bool dropped) {
    if (!window_ns) return false;
    if (began - c->window_start_ns >= window_ns) {
        c->window_start_ns = began;
        c->used_ns = 0;
        c->window_hits = 0;
    }
    c->window_hits++;
    c->used_ns += exception_ns + (dropped ? DROPPED_HIT_NS : bpf_ktime_get_ns() - began);
    return c->used_ns >= window_budget_ns || (window_max_hits && c->window_hits >= window_max_hits);
}

static __always_inline int finish(struct so_cpu* c, __u64 began, int slot, bool dropped) {
    if (!brake_says_stop(c, began, dropped)) return 0;
    if (c->stopped_mask == 0) c->stopped_ns = began;
    __sync_fetch_and_or(&c->stopped_mask, 1ull << slot); // user space clears bits at the same time
    return 1;
}

// Fills in what a record has beyond its values, and sends it. The hit program's answer.
static __always_inline int record_hit(struct so_context* ctx, struct scratch* s, struct so_cpu* c,
                                      bool last) {
    struct so_record* r = &s->record;
    bool user_mode = r->flags & SO_USER_MODE;
    fill_actor(r, ctx);
    r->kind = SO_HIT;
    bpf_get_current_comm(r->comm, sizeof(r->comm));
    read_code(r, user_mode);
    read_stacks(ctx, s, user_mode);
    if (last) ended = 1;
    if (send(s, last || first_of_process(r->pid)))
        c->recorded++;
    else
        c->lost++;
    if (last) return 1;
    return finish(c, r->time_ns, r->slot, false);
}

SEC("perf_event")
int on_access(struct so_context* ctx) {
    const struct so_regs* regs = &ctx->regs;
    __u64 began = asks_time_first ? bpf_ktime_get_ns() : 0; // else only when the hit is kept
    __u32 cpu = bpf_get_smp_processor_id(), zero = 0;
    struct so_cpu* c = bpf_map_lookup_elem(&cpus, &cpu);
    const struct so_plan* plan = bpf_map_lookup_elem(&plans, &cpu);
    struct scratch* s = bpf_map_lookup_elem(&scratches, &zero);
    if (!c || !plan || !s) return 0;
    c->runs++;
    c->last_hit_ns = began;
    int slot = find_slot(plan, ctx->addr);
    if (slot < 0 || slot >= SO_SLOTS) {
        c->late++; // an event of a plan that has been replaced
        return 0;
    }
    c->slot_runs[slot]++;
    __u32 region = plan->slot_region[slot] & (SO_REGIONS - 1);

    if (ended || (deadline_ns && began >= deadline_ns)) {
        c->late++;
        return 1;
    }
    if (target_mm && current_mm() != target_mm) {
        c->foreign++;
        return finish(c, began, slot, true);
    }

    struct so_record* r = &s->record;
    bool user_mode = regs->cs & 3;
    r->flags = user_mode ? SO_USER_MODE : 0;
    fill_place(r, ctx, began, cpu, slot, region);
    // One user-mode access to one slot is one trap; what came before it cannot be its part.
    bool may_join = joins_possible && (plan->slots > 1 || !user_mode);
    s->previous_seq = may_join ? s->previous_seq : 0;
    if (may_join) {
        fill_actor(r, ctx);
        enum join how = joined_to_previous(s, &r->regs, r->tid, slot, user_mode);
        s->previous = r->regs;
        if (how != NOT_JOINED) {
            take_joined(s, plan, c, cpu, slot, region, how);
            return finish(c, began, slot, false);
        }
    }

    if (staged) __builtin_memset(r->new_bytes, 0, sizeof(r->new_bytes)); // compared whole
    bool locked = take_order_lock();
    exchange_value(r, plan, region, cpu);
    r->seq = __sync_fetch_and_add(&order.next_seq, 1) + 1;
    if (locked) release_order_lock();
    if (!locked) r->flags |= SO_UNORDERED;
    if (may_join) {
        s->previous_seq = r->seq;
        s->previous_tid = r->tid;
        s->previous_slots = 1u << slot;
        s->previous_regions = 1u << region;
    }
    if (staged) return show_to_stages(ctx, s, plan, c);
    if (max_hits && r->seq > max_hits) {
        c->late++;
        return 1;
    }
    return record_hit(ctx, s, c, max_hits && r->seq == max_hits);
}

// The last stage: the predicates' and the script's verdict is carried out.
SEC("perf_event")
int conclude(struct so_context* ctx) {
    __u32 cpu = bpf_get_smp_processor_id(), zero = 0;
    struct so_cpu* c = bpf_map_lookup_elem(&cpus, &cpu);
    struct scratch* s = bpf_map_lookup_elem(&scratches, &zero);
    struct hit* h = bpf_map_lookup_elem(&so_hits, &zero);
    if (!c || !s || !h) return 0;
    struct so_record* r = &s->record;
    if (h->asked.defers) wait_for_followup(h, r, cpu);
    if (h->asked.to_task) r->flags |= h->asked.to_task == 1 ? SO_TASK_ASKED : SO_MISSED;
    if (h->asked.stops) {
        ended = 1;
        script_stopped = 1;
    }
    if (h->asked.verdict == drop) {
        c->dropped[h->asked.reason & (SO_DROPS - 1)]++;
        return h->asked.stops ? 1 : finish(c, r->time_ns, r->slot, true);
    }
    if (!asks_time_first) r->time_ns = bpf_ktime_get_ns();
    if (deadline_ns && r->time_ns >= deadline_ns) {
        c->late++;
        return 1;
    }
    __u64 number = __sync_fetch_and_add(&kept, 1) + 1;
    if (max_hits && number > max_hits) {
        c->late++;
        return 1;
    }
    if (h->asked.verdict == undecided && (r->flags & SO_DEFERRED)) r->flags |= SO_UNDECIDED;
    send_extra(h, r);
    int answer = record_hit(ctx, s, c, h->asked.stops || (max_hits && number == max_hits));
    if (!runs_foreign) return answer;
    // Its answer would be the exception's: it does not run where ours has to be 1.
    if (answer)
        c->script_skipped++;
    else
        bpf_tail_call(ctx, &so_stages, SO_FOREIGN);
    return answer;
}

// For arm/calibration.cpp: what an exception costs on this machine, and how this kernel lets a program stop
// its event.
__u64 probe_runs;
__u64 probe_answer;

SEC("perf_event")
int probe(struct so_context* ctx) {
    probe_runs++;
    return probe_answer ? 1 : 0;
}

// For loader/hit_program.cpp: where this object's own data lies. A watch on that would strike the hit program
// itself. Loaded only for watches of raw addresses.
struct so_own_memory own_memory;

SEC("syscall")
int tell_own_memory(void* ctx) {
    __u32 zero = 0;
    own_memory.globals = (__u64)&order;
    own_memory.cpus = (__u64)bpf_map_lookup_elem(&cpus, &zero);
    own_memory.plans = (__u64)bpf_map_lookup_elem(&plans, &zero);
    own_memory.last_values = (__u64)bpf_map_lookup_elem(&last_values, &zero);
    own_memory.scratch = (__u64)bpf_map_lookup_elem(&scratches, &zero);
    own_memory.hit = (__u64)bpf_map_lookup_elem(&so_hits, &zero);
    own_memory.queues = (__u64)bpf_map_lookup_elem(&so_queues, &zero);
    void* room = bpf_ringbuf_reserve(&records, 8, 0);
    own_memory.ring = (__u64)room;
    if (room) bpf_ringbuf_discard(room, BPF_RB_NO_WAKEUP);
    return 0;
}
