#include "watchpoints/arm/calibration.h"

#include "watchpoints/arm/breakpoint.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace stakeout {
namespace {

using Clock = std::chrono::steady_clock;

alignas(8) volatile std::uint64_t word; // what is hit

Result<Breakpoint> arm_own_word(const HitProgram& program, int limit) {
    BreakpointSpec spec;
    spec.pid = 0;
    spec.address = std::bit_cast<std::uintptr_t>(&word);
    auto breakpoint = Breakpoint::open(spec, program.probe_fd());
    if (!breakpoint) return breakpoint;
    if (auto enabled = breakpoint->enable(limit); !enabled) return std::move(enabled).error();
    return breakpoint;
}

std::chrono::nanoseconds time_of_writes(int writes) {
    const auto began = Clock::now();
    for (int i = 0; i < writes; ++i) word = static_cast<std::uint64_t>(i);
    return Clock::now() - began;
}

} // namespace

Result<Calibration> calibrate(HitProgram& program) {
    Calibration found;
    // With a limit of one and a program that returns 0, a kernel that asks the program first lets all writes
    // through.
    constexpr int probes = 3;
    {
        program.start_probe(false);
        auto breakpoint = arm_own_word(program, 1);
        if (!breakpoint) return std::move(breakpoint).error();
        time_of_writes(probes);
        found.stop_way = program.probe_runs() == probes ? StopWay::ByReturn : StopWay::ByLimit;
    }
    // The median of several short bursts: an interrupt or a stolen time slice must not pass for the
    // exception's cost.
    constexpr int writes = 4;
    std::array<std::chrono::nanoseconds, 7> bursts{};
    program.start_probe(false);
    auto breakpoint = arm_own_word(program, 0);
    if (!breakpoint) return std::move(breakpoint).error();
    for (auto& burst : bursts) burst = time_of_writes(writes);
    std::nth_element(bursts.begin(), bursts.begin() + bursts.size() / 2, bursts.end());
    found.exception_cost = bursts[bursts.size() / 2] / writes;
    return found;
}

} // namespace stakeout
