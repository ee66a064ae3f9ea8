#include "scripts/leak/duty_cycle.h"

#include <algorithm>

namespace stakeout {

void DutyCycle::learn(std::uint64_t allocations, std::uint64_t work_ns, Duration exposure, double room) {
    const Duration step = exposure - exposure_;
    if (step < std::chrono::milliseconds(5)) return;
    const double traps =
        static_cast<double>(allocations - allocations_) * static_cast<double>(per_allocation_.count());
    const double work = static_cast<double>(work_ns - work_ns_);
    load_ = (traps + work) / static_cast<double>(step.count());
    allocations_ = allocations;
    work_ns_ = work_ns;
    exposure_ = exposure;
    duty_ = load_ <= budget ? 1 : budget / load_;
    constexpr double enough_room = 0.5;
    if (room < enough_room) duty_ = std::min(duty_, budget * room / enough_room);
}

DutyCycle::Duration DutyCycle::window() const {
    if (always()) return longest_window;
    const double wanted = static_cast<double>(shortest_pause.count()) * duty_ / (1 - duty_);
    return std::clamp(Duration(static_cast<std::int64_t>(wanted)), shortest_window, longest_window);
}

DutyCycle::Duration DutyCycle::pause() const {
    if (always()) return Duration(0);
    const double wanted = static_cast<double>(window().count()) * (1 - duty_) / std::max(duty_, 1e-3);
    return std::min(longest_pause, Duration(static_cast<std::int64_t>(wanted)));
}

} // namespace stakeout
