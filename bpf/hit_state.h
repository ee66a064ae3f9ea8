// What the hit program keeps: its configuration, fixed when it is loaded, and the maps and globals that it
// shares with user space (loader/hit_program.cpp). Included by hit.bpf.c only.
#pragma once

#define STAKEOUT_LAYOUT
#include "bpf/stakeout.h"

// struct bpf_perf_event_data, without the CO-RE relocations that vmlinux.h puts on it: it is UAPI and cannot
// move.
struct so_context {
    struct so_regs regs;
    __u64 sample_period;
    __u64 addr; // the breakpoint's address
};

static __always_inline void copy_regs(struct so_regs* to, const struct so_regs* regs) {
    __builtin_memset(to, 0, sizeof(*to));
#define COPY(reg) to->reg = regs->reg
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
}

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
const volatile bool staged;            // predicates or a script decide: bpf/hit_stages.h
const volatile bool asks_time_first;   // somebody looks at the clock before the hit is kept
const volatile bool runs_script; // and shows_pid, shows_comm, has_fields: what of a hit anybody looks at
const volatile bool shows_pid;
const volatile bool shows_comm;
const volatile bool has_fields;
const volatile bool runs_foreign;   // a program that knows nothing of us runs after each kept hit
const volatile bool kicks_wanted;   // follow-ups on demand
const volatile __u8 certain_access; // enum so_access, where the watchpoint's kind tells it

// Shared by all CPUs. `order` has a cache line of its own.
struct {
    __u64 lock;
    __u64 next_seq;
    __u64 pad[6];
} order __attribute__((aligned(64)));
__u64 deadline_ns;     // set by user space when armed; 0: not yet
__u64 exception_ns;    // cost of the exception around this program, as calibrated when arming
__u64 ended;           // set by user space or by the last counted hit: no more records
__u64 kept;            // hits that were wanted, where predicates or a script decide
__u64 script_stopped;  // a script called stop()
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

// What predicates and scripts see of the hit under construction.
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

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __type(key, __u32);
    __type(value, struct so_queue);
    __uint(max_entries, 1); // number of possible CPUs where a script follows up
} so_queues SEC(".maps");

// Its forced wake-up is what starts a follow-up's timer (bpf/followup.bpf.c). The reader empties it.
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 64 * 1024);
} so_kicks SEC(".maps");
