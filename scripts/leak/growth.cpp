#include "scripts/leak/growth.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace stakeout {
namespace {

void fit_line(std::span<const GrowthPoint> series, Growth& growth) {
    const auto n = static_cast<double>(series.size());
    double mean_x = 0, mean_y = 0;
    for (const GrowthPoint& point : series) {
        mean_x += point.seconds / n;
        mean_y += point.bytes / n;
    }
    double xx = 0, xy = 0, yy = 0;
    for (const GrowthPoint& point : series) {
        const double dx = point.seconds - mean_x, dy = point.bytes - mean_y;
        xx += dx * dx;
        xy += dx * dy;
        yy += dy * dy;
    }
    if (xx <= 0) return;
    growth.bytes_per_second = xy / xx;
    const double residual = std::max(0.0, yy - growth.bytes_per_second * xy);
    growth.standard_error = std::sqrt(residual / (n - 2) / xx);
    growth.r_squared = yy > 0 ? 1 - residual / yy : 0;
}

// One-sided, with the normal approximation (good from 8 points on) and the correction for continuity. Ties
// make it cautious: the variance is that of a series without any.
double mann_kendall(std::span<const GrowthPoint> series) {
    double s = 0;
    for (std::size_t i = 0; i < series.size(); ++i)
        for (std::size_t j = i + 1; j < series.size(); ++j)
            s += series[j].bytes > series[i].bytes ? 1 : series[j].bytes < series[i].bytes ? -1 : 0;
    const auto n = static_cast<double>(series.size());
    const double deviation = std::sqrt(n * (n - 1) * (2 * n + 5) / 18);
    const double z = s > 0 ? (s - 1) / deviation : s < 0 ? (s + 1) / deviation : 0;
    return 0.5 * std::erfc(-z / std::sqrt(2.0));
}

double quarters(std::span<const GrowthPoint> series) {
    std::array<double, 4> grown{};
    for (std::size_t quarter = 0; quarter < grown.size(); ++quarter) {
        const std::size_t from = (series.size() - 1) * quarter / grown.size();
        const std::size_t to = (series.size() - 1) * (quarter + 1) / grown.size();
        const double took = series[to].seconds - series[from].seconds;
        grown.at(quarter) = took > 0 ? (series[to].bytes - series[from].bytes) / took : 0;
    }
    std::sort(grown.begin(), grown.end());
    const double median = (grown[1] + grown[2]) / 2;
    return median > 0 ? grown[0] / median : 0;
}

} // namespace

bool Growth::steady() const {
    constexpr double sure = 0.99, even = 0.2;
    return bytes_per_second > 0 && confidence >= sure && steadiness >= even;
}

Growth measure_growth(std::span<const GrowthPoint> series) {
    Growth growth;
    if (series.size() < least_growth_points) return growth;
    growth.points = series.size();
    fit_line(series, growth);
    growth.confidence = mann_kendall(series);
    growth.steadiness = quarters(series);
    return growth;
}

} // namespace stakeout
