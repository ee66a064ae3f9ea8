// In the style of libbpf's examples: knows nothing of stakeout.
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 1024);
    __type(key, u64);
    __type(value, u64);
} hits_by_ip SEC(".maps");

SEC("perf_event")
int count_ip(struct bpf_perf_event_data *ctx) {
    u64 ip = PT_REGS_IP(&ctx->regs), one = 1, *count;
    struct task_struct *task = (struct task_struct *)bpf_get_current_task();

    if (BPF_CORE_READ(task, tgid) == 0)
        return 0;
    count = bpf_map_lookup_elem(&hits_by_ip, &ip);
    if (count)
        __sync_fetch_and_add(count, 1);
    else
        bpf_map_update_elem(&hits_by_ip, &ip, &one, BPF_ANY);
    return 0;
}

char LICENSE[] SEC("license") = "GPL";
