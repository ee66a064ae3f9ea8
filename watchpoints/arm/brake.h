// The brake: what a watch may take from a CPU.
//
// Time is accounted in windows. In each window of a quarter of a second a watch may steal a tenth of it: the
// cost of every hit is the calibrated cost of the exception plus the hit program's own measured time. When
// the budget is spent the hit program stops that CPU's event in the kernel, in the same exception, whether or
// not anybody reads; the reader opens a fresh event when the window is over. So a hot writer sees hits for 25
// ms, then runs free for 225 ms: the duty cycle holds, and the record says in which interval accesses were
// not seen.
//
// Where the program's answer cannot stop an event (before Linux 6.11), the event's limit is the budget in
// hits, refilled once a window by the reader; a reader that is stopped refills nothing, so the brake holds
// there too.
#pragma once

#include "watchpoints/arm/calibration.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace stakeout {

struct Brake {
    static constexpr std::chrono::nanoseconds window = std::chrono::milliseconds(250);
    static constexpr std::chrono::nanoseconds budget = window / 10;

    bool on = true;
    std::uint64_t max_rate = 0; // hits a second a CPU; 0: no limit of that kind

    [[nodiscard]] std::uint64_t window_max_hits() const {
        return max_rate == 0 ? 0
                             : std::max<std::uint64_t>(
                                   1, max_rate * static_cast<std::uint64_t>(window.count()) / 1'000'000'000U);
    }
    // Budget in hits, for StopWay::ByLimit. What the program itself adds is not known before the first hit: a
    // third of the exception's cost is what both stacks took on every machine measured.
    [[nodiscard]] int limit_in_hits(const Calibration& calibration) const {
        const auto cost = std::max<std::int64_t>(1, calibration.exception_cost.count() * 4 / 3);
        auto hits = static_cast<std::uint64_t>(std::max<std::int64_t>(1, budget.count() / cost));
        if (max_rate != 0) hits = std::min(hits, window_max_hits());
        return static_cast<int>(std::min<std::uint64_t>(hits, 1'000'000));
    }
};

} // namespace stakeout
