/* stakeout.h: what a monitor script sees and says. This is the reference for script authors; docs/scripts.md
 * is the introduction.
 *
 *     #include <stakeout.h>
 *
 *     param(u64, high, 100);                   // --param high=250
 *     struct fields { u64 count; };            // appears with each record, by name
 *     per_key(u32, u64, writes_of, 1024);      // state for each PID, the least used are forgotten
 *
 *     on_hit(h) {
 *         if (h->new <= high) return drop;
 *         u64 *writes = writes_of(h->pid);
 *         if (writes) fields(h)->count = ++*writes;
 *         defer(h, 500);                       // look again in 500 us
 *         return keep;
 *     }
 *
 *     on_followup(f) {
 *         snapshot(f, f->address, 64);
 *         return keep;
 *     }
 *
 * on_hit runs inside the debug exception, like an NMI: it must be short, cannot sleep and reads memory only
 * through the functions below (reads that fail give zero, they never fault). on_followup runs later in
 * softirq on the same CPU. on_task runs in the task that made the access, on its way back to user mode, and
 * may wait for its user memory to be paged in (Linux 6.18 and later).
 *
 * Included by scripts as it stands here; by the hit program and by user space, which share the layouts, with
 * STAKEOUT_LAYOUT defined. Sizes are bytes, times are CLOCK_MONOTONIC nanoseconds unless a name says
 * otherwise.
 */
#ifndef STAKEOUT_H
#define STAKEOUT_H

#ifndef STAKEOUT_LAYOUT
#include "vmlinux.h" /* made for this script: the running kernel's types that it names */

#include <bpf/bpf_helpers.h>

#include <bpf/bpf_core_read.h>

/* libbpf's macros take every member on the way for one of the kernel's: of
 * BPF_CORE_READ((struct task_struct *)h->task, pid) they would look for h->task in the kernel's `struct hit`,
 * too. So the pointer comes first, and then what hangs on it. */
#undef BPF_CORE_READ
#undef BPF_CORE_READ_INTO
#undef BPF_CORE_READ_STR_INTO
#define BPF_CORE_READ_INTO(dst, src, a, ...)                                                                 \
    ({                                                                                                       \
        typeof(src) so_src = (src);                                                                          \
        ___core_read(bpf_core_read, bpf_core_read, dst, so_src, a, ##__VA_ARGS__)                            \
    })
#define BPF_CORE_READ_STR_INTO(dst, src, a, ...)                                                             \
    ({                                                                                                       \
        typeof(src) so_src = (src);                                                                          \
        ___core_read(bpf_core_read_str, bpf_core_read, dst, so_src, a, ##__VA_ARGS__)                        \
    })
#define BPF_CORE_READ(src, a, ...)                                                                           \
    ({                                                                                                       \
        typeof(src) so_from = (src);                                                                         \
        ___type(so_from, a, ##__VA_ARGS__) so_read;                                                          \
        ___core_read(bpf_core_read, bpf_core_read, &so_read, so_from, a, ##__VA_ARGS__) so_read;             \
    })
#endif

#include "bpf/record.h"

#ifdef __cplusplus
#define SO_NEW new_value /* `new` is a word of C++ */
#else
#define SO_NEW new
#endif

/* ---- What is known of a hit: h->old, h->pid ... in on_hit, and of the hit behind a follow-up in f->old ...
 * ---- */

enum so_access { SO_UNKNOWN_ACCESS, SO_READ, SO_WRITE, SO_EXECUTE };

#define SO_HIT_FACTS                                                                                         \
    __u64 seq;     /* number of this access in the watch, from 1 on; dropped ones are numbered too */        \
    __u64 time_ns; /* when it was made */                                                                    \
    __u64 address; /* where the target begins; the watched bytes are [address, address + width) */           \
    __u64 ip;      /* the instruction after the access (in REP forms: the instruction itself) */             \
    __u64 old;     /* value before and after, of targets up to 8 bytes, not sign-extended */                 \
    __u64 SO_NEW;                                                                                            \
    __s64 delta;  /* new - old, as numbers of the target's width */                                          \
    __u64 task;   /* kernel address of the task_struct that made it */                                       \
    __u32 width;  /* bytes of the target */                                                                  \
    __u32 target; /* which of the watch's targets, in the order of the command line, from 0 on */            \
    __u32 cpu;                                                                                               \
    __u32 pid;       /* process, as ps shows it */                                                           \
    __u32 tid;       /* thread */                                                                            \
    __u8 user_mode;  /* made by user code */                                                                 \
    __u8 unreadable; /* the memory could not be read in the exception: `new` is not valid */                 \
    __u8 access;     /* enum so_access; with --rw only a changed value tells a write */                      \
    __u8 changed;    /* some byte of the target is another one than before */                                \
    char comm[SO_COMM_BYTES];                                                                                \
    __u8 old_bytes[SO_REGION_BYTES]; /* the whole target, as in memory */                                    \
    __u8 new_bytes[SO_REGION_BYTES];

enum verdict {
    keep = 1,     /* show this hit; in a follow-up: show it with its hit */
    drop = 2,     /* do not show it; it is counted */
    undecided = 3 /* in on_hit, together with defer(): the follow-up's verdict is the hit's */
};

#include "bpf/script_state.h"

struct hit {
    SO_HIT_FACTS
    struct so_regs regs; /* after the access; regs.ax, regs.di ... */
    struct so_asked asked;
    struct so_extra extra;
};

struct followup {
    SO_HIT_FACTS      /* of the hit */
        __u64 now_ns; /* when this follow-up runs */
    __u64 due_ns;     /* when it was asked to run */
    struct so_asked asked;
    struct so_extra extra; /* fields(f) begins with what the hit had put there */
};

#ifndef STAKEOUT_LAYOUT
#include "bpf/script_run.h"

#include "bpf/script_followup.h"
#include "bpf/script_task.h"

/* ---- What a script is made of ---- */

/* param(TYPE, NAME, DEFAULT): a number or a char array that --param NAME=VALUE sets; constant while the watch
 * runs. */
#define param(type, name, ...) const volatile type name SEC(".rodata.param") = __VA_ARGS__

/* State. A plain global or static variable lasts for the whole watch and is shared by all CPUs: change it
 * with __sync_fetch_and_add and the like.
 *
 * per_cpu(TYPE, NAME): each CPU's own, zero at first. `TYPE *NAME(void)`.
 * per_key(KEY, TYPE, NAME, ENTRIES): one for each key, zero at first; when there are more than ENTRIES keys,
 * those not used for longest are forgotten. `TYPE *NAME(KEY key)`, may be NULL; `NAME_forget(key)`.
 */
#define per_cpu(value_type, name)                                                                            \
    struct {                                                                                                 \
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);                                                             \
        __type(key, __u32);                                                                                  \
        __type(value, value_type);                                                                           \
        __uint(max_entries, 1);                                                                              \
    } name##_map SEC(".maps");                                                                               \
    static __always_inline value_type* name(void) {                                                          \
        __u32 so_zero = 0;                                                                                   \
        return bpf_map_lookup_elem(&name##_map, &so_zero);                                                   \
    }
#define per_key(key_type, value_type, name, entries)                                                         \
    struct {                                                                                                 \
        __uint(type, BPF_MAP_TYPE_LRU_HASH);                                                                 \
        __type(key, key_type);                                                                               \
        __type(value, value_type);                                                                           \
        __uint(max_entries, entries);                                                                        \
    } name##_map SEC(".maps");                                                                               \
    static const volatile value_type name##_zero;                                                            \
    static __always_inline value_type* name(key_type so_key) {                                               \
        value_type* so_found = bpf_map_lookup_elem(&name##_map, &so_key);                                    \
        if (so_found) return so_found;                                                                       \
        bpf_map_update_elem(&name##_map, &so_key, (const void*)&name##_zero, BPF_NOEXIST);                   \
        return bpf_map_lookup_elem(&name##_map, &so_key);                                                    \
    }                                                                                                        \
    static __always_inline __maybe_unused long name##_forget(key_type so_key) {                              \
        return bpf_map_delete_elem(&name##_map, &so_key);                                                    \
    }

/* function(NAME), function_named(ID, "MODULE:NAME"): a function of the kernel, or of the watched process,
 * looked up when the script is loaded; for from() and called_from(). */
#define function(name) function_named(name, #name)
#define function_named(id, text)                                                                             \
    const volatile struct so_function so_function_##id SEC(".rodata.function") = {0, 0, text}

/* on_hit(h) { ... return keep, drop or undecided; }     struct hit *h
 * on_followup(f) { ... return keep or drop; }           struct followup *f
 * on_task(f) { ... return keep or drop; }               struct followup *f */
#define on_hit(h) SO_ON_HIT(h)
#define on_followup(f) SO_ON_FOLLOWUP(f)
#define on_task(f) SO_ON_TASK(f)

/* ---- What a script can do: x is the h of on_hit or the f of on_followup and on_task ---- */

/* The script's own fields: `struct fields { ... };` at the top of it. Zero for each hit; a follow-up begins
 * with what its hit had put there. Numbers, enums, pointers, char arrays, arrays, and structs of these; at
 * most 256 bytes. */
#define fields(x) ((struct fields*)(x)->extra.fields)

/* Copies kernel memory into the record; snapshot_user: memory of the current process; snapshot_user_waiting,
 * in on_task only: the same, and it is paged in where it has to be. At most 4096 bytes and 16 regions a
 * record. 0, or an error: then the record says that this memory could not be read, or how many snapshots did
 * not fit. */
#define snapshot(x, address, bytes)                                                                          \
    so_snapshot(&(x)->asked, &(x)->extra, (__u64)(address), (bytes), SO_KERNEL_MEMORY)
#define snapshot_user(x, address, bytes)                                                                     \
    so_snapshot(&(x)->asked, &(x)->extra, (__u64)(address), (bytes), SO_USER_MEMORY)
#define snapshot_user_waiting(x, address, bytes)                                                             \
    so_snapshot_waiting(&(x)->asked, &(x)->extra, (__u64)(address), (bytes))

/* on_followup runs for this hit after that many microseconds, at most ten seconds; 0: as soon as possible. */
#define defer(h, microseconds) so_defer(&(h)->asked, (microseconds))
/* on_task, which must stand above on_hit then, runs for this hit before its task goes on in user mode. */
#define defer_to_task(h) so_defer_to_task(h)
/* The watch ends; this hit or follow-up is its last. */
#define stop(x) ((void)((x)->asked.stops = 1))

/* Was the access made by an instruction of that function() itself? Is it anywhere on the stack? on_hit only.
 */
#define from(h, name) so_from(&so_function_##name, (h)->ip)
#define called_from(h, name) so_called_from(so_ctx, &so_function_##name, (h)->ip, (h)->user_mode)

/* The task that is running: in on_hit and on_task the one that made the access, in on_followup whichever the
 * softirq interrupted. Its members are read as in C: current_task()->signal->nr_threads. What hangs on an
 * address, as f->task, is read with BPF_CORE_READ((struct task_struct *)f->task, signal, nr_threads). */
#define current_task() bpf_get_current_task_btf()

#endif

#endif
