// What a probe costs on this machine: measured, by calling a function of our own with and without one.
#pragma once

#include <chrono>

struct bpf_program;

namespace stakeout {

struct ProbeCost {
    std::chrono::nanoseconds entry{0};            // a uprobe whose program does next to nothing
    std::chrono::nanoseconds entry_and_return{0}; // and a uretprobe beside it
};

// Takes some ten milliseconds. Zero where the probes could not be attached.
ProbeCost measure_probe_cost(const bpf_program& entry, const bpf_program& at_return);

} // namespace stakeout
