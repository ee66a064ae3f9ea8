// The hit program: runs inside the debug exception, once for each slot that an access touched.
//
// It runs NMI-like for kernel accesses (nothing may sleep, take a kernel lock or fault a page in), on a CPU
// that has its interrupts off for user accesses too, so it does only what cannot be done later: who, where,
// old and new value, both stacks. Everything readable is made of that in user space.
//
// Three things are worth knowing before changing it:
//
// * Order. `old` and `new` of successive hits form a chain only if reading the memory, exchanging the last
// value and
//   taking the sequence number are one step for all CPUs. The verifier refuses bpf_spin_lock in tracing
//   programs, so a bounded try-lock of our own does it. It is held for tens of nanoseconds; where it stays
//   busy (its holder's virtual CPU was descheduled) the hit goes on without it and says so (SO_UNORDERED).
//
// * Stopping. Since "perf/bpf: Call BPF handler directly, not through overflow machinery" (Linux 6.11), an
// event's
//   limit (PERF_EVENT_IOC_REFRESH) counts only the hits for which the program returns 1: with a limit of one,
//   `return 1` disables the event in the same exception. On older kernels the limit counts every hit and the
//   return value is ignored; user space then sets the limit to the brake's budget (arm/brake.h). Both halves
//   live with either.
//
// * One access, several traps. A store that straddles two slots runs the program twice; a kernel copy to a
// watched
//   user address traps once a byte (REP MOVSB). Such traps are joined to the hit they belong to.
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "bpf/record.h"

char LICENSE[] SEC("license") = "GPL";

// Fixed at load time.
const volatile __u64 region_size[SO_REGIONS];
const volatile bool user_regions;   // the targets are addresses of the process whose mm is target_mm
const volatile bool per_cpu_values; // a per-CPU variable: each CPU has its own last value
const volatile bool joins_possible; // more than one slot, or user memory that the kernel may copy to
const volatile __u64 target_mm;     // struct mm_struct *, 0 for kernel memory
const volatile __u32 mm_offset;     // of task_struct.mm, told by the task finder
const volatile __u64 target_pgd;  // kernel address of the process's page tables; 0: read user memory directly
const volatile __u64 direct_map;  // where the kernel maps all physical memory
const volatile __u32 page_levels; // 4 or 5
const volatile __u32 kernel_stack_bytes;
const volatile __u32 user_stack_bytes;
const volatile __u64 max_hits;         // --count, 0: no limit
const volatile __u64 window_ns;        // the brake's window, 0: no brake
const volatile __u64 window_budget_ns; // time that may be stolen in a window
const volatile __u64 window_max_hits;  // --max-rate, 0: no limit

// Shared by all CPUs. `order` has a cache line of its own.
struct {
    __u64 lock;
    __u64 next_seq;
    __u64 pad[6];
} order __attribute__((aligned(64)));
__u64 deadline_ns;     // set by user space when armed; 0: not yet
__u64 exception_ns;    // cost of the exception around this program, as calibrated when arming
__u64 ended;           // set by user space or by the last counted hit: no more records
__u32 seen_tgids[256]; // whose first hit has woken the reader, so that it finds /proc/PID alive

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 8 * 1024 * 1024);
} records SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, struct so_cpu);
    __uint(max_entries, 1); // number of possible CPUs, set before loading
} cpus SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct so_plan);
    __uint(max_entries, 1);
} plans SEC(".maps");

struct last_value {
    __u8 bytes[SO_REGION_BYTES];
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct last_value);
    __uint(max_entries, SO_REGIONS); // SO_REGIONS for each CPU when per_cpu_values
} last_values SEC(".maps");

// The record under construction, and the previous one of this CPU to tell joined traps by. bpf_prog_active
// keeps hit programs from nesting on a CPU, so one of each is enough.
struct scratch {
    struct so_record record;
    __u64 frames[2 * SO_MAX_DEPTH + 2];
    struct so_regs previous;
    __u64 previous_seq;
    __u32 previous_tid;
    __u32 previous_slots; // mask of the slots that the previous hit touched
    __u32 previous_regions;
};
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, struct scratch);
    __uint(max_entries, 1);
} scratches SEC(".maps");

// struct bpf_perf_event_data, without the CO-RE relocations that vmlinux.h puts on it: it is UAPI and cannot
// move.
struct so_context {
    struct so_regs regs;
    __u64 sample_period;
    __u64 addr; // the breakpoint's address
};

// Long enough for a holder that pays for a host's page fault under the ring buffer; a virtual CPU that is
// descheduled for longer is not waited for. bpf_loop: the verifier looks at one turn, not at all of them.
#define LOCK_TRIES 8192

static long try_order_lock(__u64 turn, int* taken) {
    if (order.lock == 0 && __sync_val_compare_and_swap(&order.lock, 0, 1) == 0) *taken = 1;
    return *taken; // 1 ends the loop
}

static __always_inline int take_order_lock(void) {
    int taken = 0;
    bpf_loop(LOCK_TRIES, try_order_lock, &taken, 0);
    return taken;
}
static __always_inline void release_order_lock(void) { __sync_lock_test_and_set(&order.lock, 0); }

// Which slot trapped: the event's address tells, each slot of a watch has its own.
static __always_inline int find_slot(const struct so_plan* plan, __u64 address) {
    for (int i = 0; i < SO_SLOTS; i++)
        if (i < plan->slots && plan->slot_address[i] == address) return i;
    return -1;
}

static __always_inline bool same_registers(const struct so_regs* a, const struct so_regs* b) {
    return a->ip == b->ip && a->sp == b->sp && a->ax == b->ax && a->bx == b->bx && a->cx == b->cx &&
           a->dx == b->dx && a->si == b->si && a->di == b->di && a->bp == b->bp && a->r8 == b->r8 &&
           a->r9 == b->r9 && a->r10 == b->r10 && a->r11 == b->r11 && a->r12 == b->r12 && a->r13 == b->r13 &&
           a->r14 == b->r14 && a->r15 == b->r15 && a->flags == b->flags;
}

// The next step of the REP-prefixed copy that trapped last: the counter fell by n, the destination moved by n
// elements, and the instruction pointer stayed, or left it after the last element (a REP instruction has at
// most 4 bytes here).
static __always_inline bool next_step_of_copy(const struct so_regs* before, const struct so_regs* now) {
    __u64 elements = before->cx - now->cx, bytes = now->di - before->di;
    if (now->ip - before->ip > 4 || now->sp != before->sp) return false;
    if (elements == 0 || elements > SO_REGION_BYTES) return false;
    return bytes == elements || bytes == 8 * elements || bytes == 4 * elements;
}

// No CO-RE access in this object: without one libbpf need not parse the kernel's BTF (16 ms), and the one
// offset that is needed comes from the task finder, which has it at hand.
static __always_inline __u64 current_mm(void) {
    __u64 mm = 0;
    bpf_probe_read_kernel(&mm, sizeof(mm), (const char*)bpf_get_current_task() + mm_offset);
    return mm;
}

enum join { NOT_JOINED, SAME_STORE, SAME_COPY };

static __always_inline enum join joined_to_previous(const struct scratch* s, const struct so_regs* regs,
                                                    __u32 tid, int slot, bool user_mode) {
    if (!joins_possible || s->previous_seq == 0 || s->previous_tid != tid) return NOT_JOINED;
    if (!(s->previous_slots & (1u << slot)) && same_registers(&s->previous, regs)) return SAME_STORE;
    if (user_regions && !user_mode && next_step_of_copy(&s->previous, regs)) return SAME_COPY;
    return NOT_JOINED;
}

// The kernel's own alias of a user address, by a walk of the process's page tables; 0 where there is none.
//
// A watch for reads would trap our own reading of the value: in the exception of a user-mode access the debug
// registers stay armed, and copying eight bytes with REP MOVSB traps eight times. A debug register matches
// virtual addresses, so reading the same frame through the direct map traps nothing.
static __always_inline __u64 kernel_alias(__u64 address) {
    const __u64 frame_bits =
        0x00003ffffffff000ull; // 64 TiB; arm/direct_map.cpp has proven that this machine fits
    __u64 table = target_pgd;
    for (int level = 5; level >= 1; level--) {
        if (level > page_levels) continue;
        __u64 shift = 12 + 9 * (level - 1), entry = 0;
        if (bpf_probe_read_kernel(&entry, sizeof(entry), (void*)(table + 8 * ((address >> shift) & 511))))
            return 0;
        if (!(entry & 1)) return 0; // not present
        __u64 frame = direct_map + (entry & frame_bits);
        if (level == 1) return frame + (address & 0xfff);
        __u64 offset_in_page = address & ((1ull << shift) - 1);
        if (entry & 0x80)
            return direct_map + (entry & frame_bits & ~((1ull << shift) - 1)) + offset_in_page; // huge page
        table = frame;
    }
    return 0;
}

static __always_inline long read_user_target(void* to, __u64 size, __u64 from, bool user_mode) {
    bool in_one_page = (from & 0xfff) + size <= 0x1000;
    if (user_mode && target_pgd && in_one_page) {
        __u64 alias = kernel_alias(from);
        if (alias && bpf_probe_read_kernel(to, size, (const void*)alias) == 0) return 0;
    }
    return bpf_probe_read_user(to, size, (const void*)from);
}

// Reads the target and exchanges the last value; the caller holds the order lock where it could be had.
static __always_inline void exchange_value(struct so_record* r, const struct so_plan* plan, __u32 region,
                                           __u32 cpu) {
    __u32 key = region + (per_cpu_values ? cpu * SO_REGIONS : 0);
    struct last_value* last = bpf_map_lookup_elem(&last_values, &key);
    __u64 size = region_size[region & (SO_REGIONS - 1)];
    __u64 from = plan->region_address[region & (SO_REGIONS - 1)];
    if (!last || size > SO_REGION_BYTES) return;
    __builtin_memcpy(r->old_bytes, last->bytes, SO_REGION_BYTES);
    long failed = user_regions ? read_user_target(r->new_bytes, size, from, r->flags & SO_USER_MODE)
                               : bpf_probe_read_kernel(r->new_bytes, size, (const void*)from);
    if (failed)
        r->flags |= SO_NEW_UNREADABLE;
    else
        __builtin_memcpy(last->bytes, r->new_bytes, SO_REGION_BYTES);
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

static __always_inline void fill_identity(struct so_record* r, const struct so_context* ctx, __u64 now,
                                          __u64 pid_tgid, __u32 cpu, int slot, __u32 region) {
    r->time_ns = now;
    r->address = ctx->addr;
    r->cpu = cpu;
    r->pid = pid_tgid >> 32;
    r->tid = (__u32)pid_tgid;
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

// True when the brake's budget of this window is spent.
static __always_inline bool brake_says_stop(struct so_cpu* c, __u64 began) {
    if (!window_ns) return false;
    if (began - c->window_start_ns >= window_ns) {
        c->window_start_ns = began;
        c->used_ns = 0;
        c->window_hits = 0;
    }
    c->window_hits++;
    c->used_ns += exception_ns + (bpf_ktime_get_ns() - began);
    return c->used_ns >= window_budget_ns || (window_max_hits && c->window_hits >= window_max_hits);
}

static __always_inline int finish(struct so_cpu* c, __u64 began, int slot) {
    if (!brake_says_stop(c, began)) return 0;
    if (c->stopped_mask == 0) c->stopped_ns = began;
    __sync_fetch_and_or(&c->stopped_mask, 1ull << slot); // user space clears bits at the same time
    return 1;
}

SEC("perf_event")
int on_access(struct so_context* ctx) {
    const struct so_regs* regs = &ctx->regs;
    __u64 began = bpf_ktime_get_ns();
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
        return finish(c, began, slot);
    }

    struct so_record* r = &s->record;
    __u64 pid_tgid = bpf_get_current_pid_tgid();
    struct so_regs now_regs;
    __builtin_memset(&now_regs, 0, sizeof(now_regs));
#define COPY(reg) now_regs.reg = regs->reg
    COPY(r15);
    COPY(r14);
    COPY(r13);
    COPY(r12);
    COPY(bp);
    COPY(bx);
    COPY(r11);
    COPY(r10);
    COPY(r9);
    COPY(r8);
    COPY(ax);
    COPY(cx);
    COPY(dx);
    COPY(si);
    COPY(di);
    COPY(orig_ax);
    COPY(ip);
    COPY(cs);
    COPY(flags);
    COPY(sp);
    COPY(ss);
#undef COPY
    bool user_mode = now_regs.cs & 3;
    enum join how = joined_to_previous(s, &now_regs, (__u32)pid_tgid, slot, user_mode);
    r->flags = user_mode ? SO_USER_MODE : 0;
    r->regs = now_regs;
    s->previous = now_regs;
    fill_identity(r, ctx, began, pid_tgid, cpu, slot, region);
    if (how != NOT_JOINED) {
        take_joined(s, plan, c, cpu, slot, region, how);
        return finish(c, began, slot);
    }

    bool locked = take_order_lock();
    exchange_value(r, plan, region, cpu);
    r->seq = __sync_fetch_and_add(&order.next_seq, 1) + 1;
    if (locked) release_order_lock();
    if (!locked) r->flags |= SO_UNORDERED;
    if (max_hits && r->seq > max_hits) {
        c->late++;
        return 1;
    }

    r->kind = SO_HIT;
    bpf_get_current_comm(r->comm, sizeof(r->comm));
    read_code(r, user_mode);
    read_stacks(ctx, s, user_mode);
    s->previous_seq = r->seq;
    s->previous_tid = r->tid;
    s->previous_slots = 1u << slot;
    s->previous_regions = 1u << region;
    bool last = max_hits && r->seq == max_hits;
    if (last) ended = 1;
    if (send(s, last || first_of_process(r->pid)))
        c->recorded++;
    else
        c->lost++;
    if (last) return 1;
    return finish(c, began, slot);
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
    void* room = bpf_ringbuf_reserve(&records, 8, 0);
    own_memory.ring = (__u64)room;
    if (room) bpf_ringbuf_discard(room, BPF_RB_NO_WAKEUP);
    return 0;
}
