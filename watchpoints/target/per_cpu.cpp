#include "watchpoints/target/per_cpu.h"

namespace stakeout {

Result<std::vector<std::uint64_t>> per_cpu_bases(const KernelTypes& types, std::span<const so_task> tasks) {
    const auto runqueues = types.per_cpu_variable("runqueues");
    if (!runqueues)
        return arm_error("find the per-CPU areas", "the kernel's BTF does not tell where its run queues are",
                         "give each CPU's address with --addr");
    constexpr std::uint32_t most_cpus = 8192;
    std::vector<std::uint64_t> bases;
    for (const so_task& task : tasks) {
        if (task.rq == 0 || task.rq_cpu >= most_cpus) continue;
        if (task.rq_cpu >= bases.size()) bases.resize(task.rq_cpu + 1, 0);
        bases[task.rq_cpu] = task.rq - runqueues->offset;
    }
    return bases;
}

} // namespace stakeout
