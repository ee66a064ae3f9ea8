/* What a script and the hit program hand each other: private, and no business of script authors. Part of
 * bpf/stakeout.h, which includes it.
 */
#ifndef STAKEOUT_SCRIPT_STATE_H
#define STAKEOUT_SCRIPT_STATE_H

enum {
    SO_FIELDS_BYTES = 256,    /* the most that struct fields may have */
    SO_SNAPSHOT_BYTES = 4096, /* the most that one record's snapshots may have */
    SO_SNAPSHOTS = 16,        /* the most snapshots of one record */
    /* Headers and padding beside the bytes; and once more the bytes, which lets the verifier see that no copy
     * ends outside. */
    SO_SNAPSHOT_ROOM = 2 * SO_SNAPSHOT_BYTES + (SO_SNAPSHOTS + 2) * 24,
    SO_MAX_DELAY_US = 10 * 1000 * 1000, /* the longest delay of defer() */
    SO_QUEUE = 256,                     /* deferred hits that may wait on one CPU */
};

/* A snapshot in so_extra.snapshots: this, then `bytes` bytes, then padding to a multiple of 8. */
struct so_snapshot {
    __u64 address;
    __u32 bytes;
    __u32 failed; /* the memory could not be read: the bytes are zero */
};

/* What a script adds to a record; in the ring as SO_EXTRA before its hit, as SO_FOLLOWUP or SO_TASK_LOOK
 * after it. */
struct so_extra {
    __u32 kind;        /* enum so_kind */
    __u32 verdict;     /* enum verdict, of a follow-up */
    __u64 seq;         /* of the hit */
    __u64 time_ns;     /* when the follow-up ran */
    __u64 due_ns;      /* when it should have */
    __u32 cpu;         /* where it ran */
    __u32 tid;         /* in which task, by chance: softirq interrupts whatever runs */
    __u32 hit_verdict; /* of a follow-up: what on_hit had said of the hit */
    __u32 snapshot_bytes;
    __u32 refused; /* snapshots that did not fit */
    __u32 stops;   /* stop() was called */
    __u8 fields[SO_FIELDS_BYTES];
    __u8 snapshots[SO_SNAPSHOT_ROOM];
};

struct so_asked {
    __u64 delay_ns;
    __u32 verdict; /* enum verdict */
    __u32 reason;  /* enum so_drop: who dropped it */
    __u32 defers;  /* defer() was called */
    __u32 stops;   /* stop() was called */
    __u32 refused; /* snapshots that did not fit */
    __u32 snapshots;
    __u32 snapshot_total; /* their bytes */
    __u32 to_task;        /* defer_to_task() was called: 1 scheduled, 2 could not be */
};

/* Stages of the hit program that tail-call each other; each ends in SO_CONCLUDE. */
enum so_stage { SO_FIRST, SO_SECOND, SO_CONCLUDE, SO_FOREIGN, SO_STAGES };

/* A hit that waits for its follow-up. */
struct so_waiting {
    SO_HIT_FACTS
    __u64 due_ns;
    __u32 taken;       /* 1: waits; 0: free or done */
    __u32 hit_verdict; /* enum verdict */
    __u8 fields[SO_FIELDS_BYTES];
};

/* One CPU's queue. Filled by the hit program, emptied by the follow-up of the same CPU. */
struct so_queue {
    __u64 next_due_ns; /* when the timer is to run; 0: not at all */
    __u64 kicks;       /* asked for, and not yet heard */
    __u64 head;        /* next place to fill */
    __u64 deferred;    /* hits that asked for a follow-up */
    __u64 missed;      /* of these: no place was free */
    __u64 followed;    /* of these: looked at */
    __u64 unsent;      /* of these: the ring had no room for what the follow-up said */
    __u64 task_missed; /* task looks that could not be scheduled */
    __u64 task_looks;  /* task looks that ran */
    __u64 stops;       /* a follow-up called stop(): in the first CPU's queue, for all */
    __u64 waits;       /* places taken */
    struct so_waiting waiting[SO_QUEUE];
};

/* A function's text, found by name when the script is loaded. */
struct so_function {
    __u64 start;
    __u64 end; /* exclusive */
    char name[112];
};

/* One CPU's timer, in a map of its own: a program that runs in exceptions may not use maps with timers. */
#ifdef __bpf__
struct so_alarm {
    struct bpf_timer timer;
    __u64 cpu;
    __u64 flags;     /* of bpf_timer_start */
    __u64 period_ns; /* 0: on demand */
};
#endif

/* What stakeout_followup_arm is run with, on the CPU that it arms. */
struct so_arm_request {
    __u32 cpu;
    __u32 flags;     /* of bpf_timer_start: BPF_F_TIMER_CPU_PIN where the kernel knows it (Linux 6.7) */
    __u64 period_ns; /* 0: on demand */
};

#endif
