// CLOCK_MONOTONIC in nanoseconds: the clock of bpf_ktime_get_ns(), so that both sides' times compare.
#pragma once

#include <cstdint>
#include <ctime>

namespace stakeout {

inline std::uint64_t monotonic_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

// How far the time of day is ahead of it now; changes when the machine's clock is set.
inline std::int64_t wall_ahead_ns() {
    timespec wall{};
    ::clock_gettime(CLOCK_REALTIME, &wall);
    return wall.tv_sec * std::int64_t{1'000'000'000} + wall.tv_nsec -
           static_cast<std::int64_t>(monotonic_ns());
}

} // namespace stakeout
