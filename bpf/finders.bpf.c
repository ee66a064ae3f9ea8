// Object finders: iterators that hand kernel objects' addresses to user space.
//
// Iterator programs (Linux 5.8) run in process context over every task or open file; user space narrows them
// to one task where the kernel can (bpf_iter_link_info.task, Linux 6.1) and the filters below do so
// everywhere else.
//
// Fields are read by BPF_CORE_READ, not by plain dereferences: for each of those the verifier searches the
// kernel's whole BTF by name, 5 ms in all.
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/found.h"

char LICENSE[] SEC("license") = "GPL";

const volatile __u32 only_tid;  // 0: all tasks
const volatile __u32 only_tgid; // 0: files of all processes
const volatile __s32 only_fd = -1;
const volatile bool only_perf_breakpoints;

static __always_inline void describe(struct so_breakpoint* to, struct perf_event* event) {
    to->address = BPF_CORE_READ(event, attr.bp_addr);
    to->length = BPF_CORE_READ(event, attr.bp_len);
    to->type = BPF_CORE_READ(event, attr.bp_type);
}

SEC("iter/task")
int find_tasks(struct bpf_iter__task* ctx) {
    struct task_struct* task = ctx->task;
    if (!task || (only_tid && BPF_CORE_READ(task, pid) != only_tid)) return 0;

    struct so_task found = {};
    found.task = (__u64)task;
    found.mm = (__u64)BPF_CORE_READ(task, mm);
    if (found.mm) found.pgd = (__u64)BPF_CORE_READ(task, mm, pgd);
    found.mm_offset = bpf_core_field_offset(struct task_struct, mm);
    found.files_offset = bpf_core_field_offset(struct task_struct, files);
    found.fdt_offset = bpf_core_field_offset(struct files_struct, fdt);
    found.fd_offset = bpf_core_field_offset(struct fdtable, fd);
    found.stack = (__u64)BPF_CORE_READ(task, stack);
    found.parent_leader = (__u64)BPF_CORE_READ(task, real_parent, group_leader);
    found.tid = BPF_CORE_READ(task, pid);
    found.tgid = BPF_CORE_READ(task, tgid);
    found.parent_tgid = BPF_CORE_READ(task, real_parent, tgid);
    struct rq* rq = BPF_CORE_READ(task, se.cfs_rq, rq);
    found.rq = (__u64)rq;
    found.rq_cpu = BPF_CORE_READ(rq, cpu);
    for (int i = 0; i < 4; i++) {
        struct perf_event* event = BPF_CORE_READ(task, thread.ptrace_bps[i]);
        if (event) describe(&found.ptrace[i], event);
    }
    BPF_CORE_READ_STR_INTO(&found.comm, task, comm);
    bpf_seq_write(ctx->meta->seq, &found, sizeof(found));
    return 0;
}

enum { PERF_EVENT_OF_BREAKPOINT_TYPE = 5 }; // PERF_TYPE_BREAKPOINT, uapi/linux/perf_event.h

// Perf event files have no symbol that could be compared with file->f_op where data symbols are hidden; the
// name of their anonymous inode is ABI enough (it is what /proc/PID/fd shows).
static __always_inline bool is_perf_event(struct file* file) {
    char name[16] = {};
    const unsigned char* at = BPF_CORE_READ(file, f_path.dentry, d_name.name);
    bpf_probe_read_kernel_str(name, sizeof(name), at);
    const char expected[] = "[perf_event]";
    for (int i = 0; i < sizeof(expected); i++)
        if (name[i] != expected[i]) return false;
    return true;
}

SEC("iter/task_file")
int find_files(struct bpf_iter__task_file* ctx) {
    struct task_struct* task = ctx->task;
    struct file* file = ctx->file;
    if (!task || !file) return 0;
    __u32 tgid = BPF_CORE_READ(task, tgid);
    if (only_tgid && tgid != only_tgid) return 0;
    if (only_fd >= 0 && ctx->fd != only_fd) return 0;

    struct so_file found = {};
    found.file = (__u64)file;
    found.tgid = tgid;
    found.fd = ctx->fd;
    found.cpu = -1;
    if (only_perf_breakpoints) {
        if (!is_perf_event(file)) return 0;
        struct perf_event* event = BPF_CORE_READ(file, private_data);
        if (BPF_CORE_READ(event, attr.type) != PERF_EVENT_OF_BREAKPOINT_TYPE) return 0;
        found.is_perf_breakpoint = 1;
        found.cpu = BPF_CORE_READ(event, cpu);
        struct task_struct* target = BPF_CORE_READ(event, hw.target);
        if (target) found.target_tid = BPF_CORE_READ(target, pid);
        describe(&found.breakpoint, event);
    }
    BPF_CORE_READ_STR_INTO(&found.comm, task, comm);
    bpf_seq_write(ctx->meta->seq, &found, sizeof(found));
    return 0;
}
