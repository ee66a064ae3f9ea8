// Does it grow, how fast, and how sure is that? Arithmetic on a series; knows nothing of allocations.
//
// The slope is by least squares, with its standard error and R2. Whether there is a trend at all is said by
// Mann and Kendall's test, which asks only whether later values are higher and does not mind jumps.
// `steadiness` tells a leak from what fills up and stops: the smallest growth of the series' four quarters
// over their median.
#pragma once

#include <cstddef>
#include <span>

namespace stakeout {

struct GrowthPoint {
    double seconds = 0; // of exposure: time that was watched, not time that passed
    double bytes = 0;
};

struct Growth {
    std::size_t points = 0;
    double bytes_per_second = 0;
    double standard_error = 0; // of the slope
    double r_squared = 0;
    double confidence = 0; // that there is an upward trend, 0..1: one-sided Mann-Kendall
    double steadiness = 0; // 1: each quarter grew alike; 0 or less: one did not grow
    [[nodiscard]] bool steady() const;
};

// Points in the order of time. Fewer than `least_growth_points`: all zero.
inline constexpr std::size_t least_growth_points = 8;
Growth measure_growth(std::span<const GrowthPoint> series);

} // namespace stakeout
