// Where each CPU keeps its per-CPU variables.
//
// Works without any data symbol: a run queue's address (task->se.cfs_rq->rq, handed out by the task finder)
// is its CPU's per-CPU base plus the offset that BTF's section table gives for `runqueues`; bound kernel
// threads see to it that every CPU has a task.
#pragma once

#include "base/result.h"
#include "bpf/found.h"
#include "watchpoints/target/kernel_types.h"

#include <cstdint>
#include <span>
#include <vector>

namespace stakeout {

// By CPU number; 0 for CPUs that have never run a task. Error (CannotArm): BTF has no per-CPU section.
Result<std::vector<std::uint64_t>> per_cpu_bases(const KernelTypes& types, std::span<const so_task> tasks);

} // namespace stakeout
