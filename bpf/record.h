/* What the hit program and user space say to each other. Included by both sides: plain C, fixed layouts.
 *
 * Three things cross the border:
 *   configuration  read-only globals, fixed when the program is loaded (hit.bpf.c, `const volatile`), and
 * so_plan records        struct so_record in the ring buffer, one for each hit counters       struct so_cpu
 * in a memory-mapped array, one for each CPU, written by that CPU alone
 *
 * All values are in the machine's own byte order; times are CLOCK_MONOTONIC nanoseconds; sizes are bytes.
 */
#ifndef STAKEOUT_RECORD_H
#define STAKEOUT_RECORD_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

enum {
    SO_SLOTS = 4,         /* debug registers of one CPU */
    SO_REGIONS = 4,       /* targets of one watch: each has at least one slot */
    SO_REGION_BYTES = 32, /* four slots of eight bytes */
    SO_COMM_BYTES = 16,   /* TASK_COMM_LEN */
    SO_MAX_DEPTH = 127,   /* PERF_MAX_STACK_DEPTH, what bpf_get_stack can give */
    SO_CODE_BYTES = 32,   /* code around a user-space instruction pointer: 16 before, 16 from it on */
};

/* Registers in the order of struct pt_regs, which x86-64 keeps as an ABI (asm/ptrace.h). */
struct so_regs {
    __u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};

enum so_kind {
    SO_HIT = 1, /* a hit; the frames follow the record */
    SO_JOINED =
        2, /* more of the hit `seq`: the next bytes of one copy, or another target of one store; no frames */
    SO_EXTRA =
        3, /* what a script adds to the hit `seq`: a struct so_extra (bpf/stakeout.h), before its hit */
    SO_FOLLOWUP = 4,  /* a follow-up of the hit `seq`, in softirq: a struct so_extra */
    SO_TASK_LOOK = 5, /* the same, in the task's own context */
};

enum so_flag {
    SO_USER_MODE = 1 << 0,      /* the access was made in user mode (ring 3) */
    SO_NEW_UNREADABLE = 1 << 1, /* the memory could not be read in the exception: `new` is not valid */
    SO_UNORDERED = 1 << 2,      /* the order lock stayed busy: `old` and `new` may not chain here */
    SO_CODE_VALID = 1 << 3,     /* `code` was read */
    SO_TOP_VALID = 1 << 4,      /* `stack_top` was read */
    SO_DEFERRED = 1 << 5,       /* a follow-up will come, `delay_ns` after the hit */
    SO_UNDECIDED = 1 << 6,      /* and its verdict is the hit's */
    SO_MISSED = 1 << 7,         /* a follow-up was asked for, but the queue had no room */
    SO_EXTRA_LOST = 1 << 8,     /* the ring had no room for what the script added */
    SO_TASK_ASKED = 1 << 9,     /* a look in the task's context will come */
};

/* Who dropped a hit, in the kernel: index of so_cpu.dropped. */
enum so_drop {
    SO_DROP_CHANGED,  /* --changed */
    SO_DROP_FROM,     /* --only-from, --not-from */
    SO_DROP_COMM,     /* --comm-match */
    SO_DROP_WHEN,     /* --when */
    SO_DROP_SCRIPT,   /* the script's on_hit */
    SO_DROP_FOLLOWUP, /* the script's on_followup, of an undecided hit: counted by the reader */
    SO_DROPS = 8
};

struct so_record {
    __u32 kind;    /* enum so_kind */
    __u32 flags;   /* enum so_flag */
    __u64 seq;     /* 1, 2, 3 ... in the order of the values; a hole is a lost record */
    __u64 time_ns; /* when the hit program began */
    __u64 address; /* the watchpoint's address, as the kernel reports it */
    __u32 cpu;
    __u32 pid; /* thread group id, as ps shows it, in the initial PID namespace */
    __u32 tid;
    __u8 slot;          /* index into so_plan.slot_address */
    __u8 region;        /* index of the target */
    __u8 kernel_frames; /* frames[0 .. kernel_frames) */
    __u8 user_frames;   /* frames[kernel_frames .. kernel_frames + user_frames) */
    char comm[SO_COMM_BYTES];
    __u8 old_bytes[SO_REGION_BYTES]; /* the whole target before and after; region_size of them are valid */
    __u8 new_bytes[SO_REGION_BYTES];
    struct so_regs regs; /* after the access, as the exception saved them */
    __u64 delay_ns;      /* with SO_DEFERRED */
    __u64 stack_top;     /* the word at regs.sp: a call's return address when the access was the call's */
    __u8 code[SO_CODE_BYTES];
};

/* Kernel addresses of the hit program's own data: the first byte of each, the scratch area of one CPU, a byte
 * of the ring. */
struct so_own_memory {
    __u64 globals, cpus, plans, last_values, scratch, ring, hit, queues;
};

/* What each CPU has armed. Addresses differ between CPUs only for per-CPU variables. */
struct so_plan {
    __u64 slot_address[SO_SLOTS];
    __u64 region_address[SO_REGIONS];
    __u8 slot_region[SO_SLOTS];
    __u32 slots;
};

/* One CPU's counters and brake. Every run of the hit program ends in exactly one of recorded, lost, dropped,
 * joined, foreign and late. */
struct so_cpu {
    __u64 runs;            /* times the program ran */
    __u64 recorded;        /* hits with a record */
    __u64 lost;            /* hits for which the ring had no room */
    __u64 joined;          /* further traps of a hit that was counted already */
    __u64 foreign;         /* accesses to the same number of another address space */
    __u64 late;            /* after --count or the time to live, before the event was gone */
    __u64 window_start_ns; /* the brake's accounting window */
    __u64 used_ns;         /* time stolen in the window */
    __u64 window_hits;
    __u64 stopped_ns;   /* when the brake stopped the first event of stopped_mask */
    __u64 stopped_mask; /* slots stopped by the brake; user space clears bits when it re-arms */
    __u64 slot_runs[SO_SLOTS];
    __u64 last_hit_ns;
    __u64 dropped[SO_DROPS]; /* hits that were not wanted, by who dropped them */
    __u64 script_skipped;    /* hits that a foreign program did not see: the brake stopped the event first */
    __u64 pad[7];
};

#endif
