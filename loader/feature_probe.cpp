#include "loader/feature_probe.h"

#include "loader/libbpf_log.h"

#include <bpf/libbpf.h>
#include <unistd.h>

namespace stakeout {

bool kernel_has_bpf_timers() {
    capture_libbpf_messages();
    return libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_timer_start, nullptr) == 1;
}

BpfFeatures probe_bpf_features() {
    capture_libbpf_messages();
    BpfFeatures features;
    features.loads_programs = libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_PERF_EVENT, nullptr) == 1;
    features.ring_buffer = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, nullptr) == 1;
    features.timers = kernel_has_bpf_timers();
    features.iterators = libbpf_probe_bpf_helper(BPF_PROG_TYPE_TRACING, BPF_FUNC_seq_write, nullptr) == 1;
    features.type_information = ::access("/sys/kernel/btf/vmlinux", R_OK) == 0;
    (void)take_libbpf_messages();
    return features;
}

} // namespace stakeout
