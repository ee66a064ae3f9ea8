// Growth and suspicion on made-up series: a leak, a cache that fills up, one that swings, an arena.
#include "scripts/leak/growth.h"
#include "scripts/leak/judgement.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

namespace stakeout {
namespace {

std::vector<GrowthPoint> series_of(const std::function<double(int)>& bytes, int points = 48) {
    std::vector<GrowthPoint> series;
    for (int i = 0; i < points; ++i) series.push_back({i * 0.5, bytes(i)});
    return series;
}

TEST(Growth, LeakIsSteadyAndItsSlopeExact) {
    const Growth growth = measure_growth(series_of([](int i) { return 1000.0 * i; }));
    EXPECT_TRUE(growth.steady());
    EXPECT_NEAR(growth.bytes_per_second, 2000, 1e-6);
    EXPECT_NEAR(growth.standard_error, 0, 1e-6);
    EXPECT_GT(growth.confidence, 0.999);
    EXPECT_NEAR(growth.r_squared, 1, 1e-9);
}

TEST(Growth, NoisyLeakIsSteadyWithinItsError) {
    const Growth growth =
        measure_growth(series_of([](int i) { return 1000.0 * i + 3000 * std::sin(i * 1.7); }));
    EXPECT_TRUE(growth.steady());
    EXPECT_GT(growth.standard_error, 0);
    EXPECT_NEAR(growth.bytes_per_second, 2000, 3 * growth.standard_error + 1);
}

TEST(Growth, ThatWhichFillsUpAndStopsIsNotSteady) {
    EXPECT_FALSE(measure_growth(series_of([](int i) { return i < 16 ? 1000.0 * i : 16000.0; })).steady());
    EXPECT_FALSE(measure_growth(series_of([](int i) { return i < 30 ? 1000.0 * i : 30000.0; })).steady());
}

TEST(Growth, SawtoothIsNotSteady) {
    EXPECT_FALSE(measure_growth(series_of([](int i) { return 1000.0 * (i % 8); })).steady());
    EXPECT_FALSE(measure_growth(series_of([](int i) { return 1000.0 * (i % 24); })).steady());
}

TEST(Growth, ArenaThatIsReleasedIsNotSteady) {
    EXPECT_FALSE(measure_growth(series_of([](int i) { return i < 40 ? 1000.0 * i : 0.0; })).steady());
}

TEST(Growth, NothingAndShrinkingAreNotSteady) {
    EXPECT_FALSE(measure_growth(series_of([](int) { return 5000.0; })).steady());
    EXPECT_FALSE(measure_growth(series_of([](int i) { return 50000.0 - 1000.0 * i; })).steady());
}

TEST(Growth, TooFewPointsSayNothing) {
    const Growth growth = measure_growth(series_of([](int i) { return 1000.0 * i; }, 7));
    EXPECT_FALSE(growth.steady());
    EXPECT_EQ(growth.points, 0U);
}

// A group that grew by `kept` of 100 objects of 64 bytes each step, with so many old ones alive and freed.
GroupHistory history_of(std::uint64_t kept, std::size_t old_alive, std::uint64_t old_frees,
                        leak_what what = LEAK_HEAP) {
    GroupHistory history;
    history.site.what = what;
    history.series = series_of([kept](int i) { return 64.0 * static_cast<double>(kept) * i; });
    history.latest.allocations = 48 * 100;
    history.latest.frees = 48 * (100 - kept);
    history.latest.allocated_bytes = history.latest.allocations * 64;
    history.latest.freed_bytes = history.latest.frees * 64;
    history.latest.old_frees = old_frees;
    history.old_objects.resize(old_alive);
    return history;
}

TEST(LeakJudgement, ErrorPathThatKeepsFewIsSuspicious) {
    EXPECT_TRUE(judge(history_of(1, 30, 0), 1).suspicious);
    EXPECT_EQ(judge(history_of(1, 30, 0), 1).live_objects, 48U);
}

TEST(LeakJudgement, ObjectsThatAreFreedWhenOldAcquit) {
    EXPECT_TRUE(judge(history_of(1, 100, 4), 1).suspicious);
    EXPECT_FALSE(judge(history_of(1, 100, 10), 1).suspicious);
}

TEST(LeakJudgement, NothingOldOrNothingGrowingIsNotSuspicious) {
    EXPECT_FALSE(judge(history_of(1, 2, 0), 1).suspicious);
    EXPECT_FALSE(judge(history_of(0, 100, 0), 1).suspicious);
}

TEST(LeakJudgement, WhatTheKernelTakesBackIsNotSuspicious) {
    EXPECT_FALSE(judge(history_of(1, 30, 0, LEAK_RECLAIMABLE), 1).suspicious);
    EXPECT_TRUE(judge(history_of(1, 30, 0, LEAK_SLAB), 1).suspicious);
}

} // namespace
} // namespace stakeout
