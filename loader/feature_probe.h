// What the running kernel's BPF can do, by asking it, never by its version.
#pragma once

namespace stakeout {

struct BpfFeatures {
    bool loads_programs = false;   // at all: rights, lockdown
    bool ring_buffer = false;      // Linux 5.8
    bool timers = false;           // bpf_timer, Linux 5.15: softirq follow-ups
    bool iterators = false;        // Linux 5.8: object finders
    bool type_information = false; // BTF of the kernel
};

BpfFeatures probe_bpf_features();
bool kernel_has_bpf_timers(); // this one alone

} // namespace stakeout
