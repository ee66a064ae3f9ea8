#include "scripts/leak/probe_cost.h"

#include "base/monotonic_clock.h"
#include "watchpoints/target/process_maps.h"

#include <bpf/libbpf.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>

// A function as allocators have them: it begins with a push, which the kernel emulates (cheap_place.h).
asm(R"(
    .pushsection .text
    .type stakeout_probed_function, @function
stakeout_probed_function:
    push %rbp
    pop %rbp
    ret
    .size stakeout_probed_function, . - stakeout_probed_function
    .popsection
)");
extern "C" void stakeout_probed_function();

namespace stakeout {
namespace {

using Link = std::unique_ptr<bpf_link, int (*)(bpf_link*)>;

// The fastest of a few runs: what else the machine does only ever adds.
std::uint64_t nanoseconds_a_call() {
    constexpr std::uint64_t rounds = 500;
    std::uint64_t best = UINT64_MAX;
    for (int run = 0; run < 5; ++run) {
        const std::uint64_t began = monotonic_ns();
        for (std::uint64_t round = 0; round < rounds; ++round) stakeout_probed_function();
        best = std::min(best, (monotonic_ns() - began) / rounds);
    }
    return best;
}

Link attach(const bpf_program& program, bool at_return, std::uint64_t offset) {
    LIBBPF_OPTS(bpf_uprobe_opts, options);
    options.retprobe = at_return;
    return {bpf_program__attach_uprobe_opts(&program, ::getpid(), "/proc/self/exe", offset, &options),
            bpf_link__destroy};
}

} // namespace

ProbeCost measure_probe_cost(const bpf_program& entry, const bpf_program& at_return) {
    const auto address = std::bit_cast<std::uint64_t>(&stakeout_probed_function);
    const auto maps = ProcessMaps::read(::getpid());
    const Mapping* mapping = maps ? maps->containing(address) : nullptr;
    if (mapping == nullptr) return {};
    const std::uint64_t offset = address - mapping->start + mapping->offset;
    const std::uint64_t bare = nanoseconds_a_call();
    const Link first = attach(entry, false, offset);
    if (!first) return {};
    const std::uint64_t with_entry = nanoseconds_a_call();
    const Link second = attach(at_return, true, offset);
    if (!second) return {};
    const std::uint64_t with_both = nanoseconds_a_call();
    const auto above = [bare](std::uint64_t cost) {
        return std::chrono::nanoseconds(cost > bare ? cost - bare : 0);
    };
    return {above(with_entry), above(with_both)};
}

} // namespace stakeout
