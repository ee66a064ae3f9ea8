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

} // namespace stakeout
