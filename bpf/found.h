/* What the object finders (finders.bpf.c) write into their iterators, one struct after the other. */
#ifndef STAKEOUT_FOUND_H
#define STAKEOUT_FOUND_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

struct so_breakpoint {
    __u64 address; /* 0: no breakpoint here */
    __u32 length;
    __u32 type; /* enum HW_BREAKPOINT_* */
};

/* One task (thread). Addresses are kernel addresses. */
struct so_task {
    __u64 task;          /* struct task_struct * */
    __u64 mm;            /* 0: kernel thread */
    __u64 pgd;           /* kernel address of its page tables; 0: kernel thread */
    __u64 stack;         /* lowest address of its kernel stack */
    __u64 parent_leader; /* struct task_struct *: leader of the thread group that is its parent */
    __u64 rq;            /* struct rq * of the CPU it last ran on: gives that CPU's per-CPU base */
    __u32 rq_cpu;
    __u32 tid;
    __u32 tgid;
    __u32 parent_tgid;
    __u32 mm_offset;                           /* of task_struct.mm */
    __u32 files_offset, fdt_offset, fd_offset; /* of task_struct.files, files_struct.fdt, fdtable.fd */
    struct so_breakpoint ptrace[4];            /* set by a debugger */
    char comm[16];
};

/* One open file. */
struct so_file {
    __u64 file; /* struct file * */
    __u32 tgid;
    __u32 fd;
    __u32 is_perf_breakpoint;
    __s32 cpu;        /* of the perf event; -1: any */
    __u32 target_tid; /* of a per-task perf event; 0: none */
    __u32 pad;
    struct so_breakpoint breakpoint;
    char comm[16];
};

#endif
