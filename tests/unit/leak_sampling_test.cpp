// When allocations are looked at, and where objects are watched.
#include "scripts/leak/confirmation.h"
#include "scripts/leak/duty_cycle.h"

#include <gtest/gtest.h>

#include <set>

namespace stakeout {
namespace {

using namespace std::chrono_literals;

TEST(DutyCycle, LooksAlwaysWhileThatIsCheap) {
    DutyCycle cycle(20us);
    cycle.learn(100, 0, 100ms, 1); // 2 % of a CPU
    EXPECT_TRUE(cycle.always());
}

TEST(DutyCycle, KeepsToItsBudgetWhenHot) {
    DutyCycle cycle(20us);
    cycle.learn(4000, 0, 100ms, 1); // 80 % of a CPU
    ASSERT_FALSE(cycle.always());
    const double share = static_cast<double>(cycle.window().count()) /
                         static_cast<double>((cycle.window() + cycle.pause()).count());
    EXPECT_NEAR(share * 0.8, DutyCycle::budget, 0.01);
    cycle.learn(4010, 0, 200ms, 1); // calm again
    EXPECT_TRUE(cycle.always());
}

TEST(DutyCycle, CountsTheProgramsOwnWork) {
    DutyCycle cycle(0us);
    cycle.learn(1, 50'000'000, 100ms, 1);
    EXPECT_NEAR(cycle.load(), 0.5, 1e-9);
    EXPECT_FALSE(cycle.always());
}

TEST(DutyCycle, SparesATableThatFills) {
    DutyCycle cycle(20us);
    cycle.learn(10, 0, 100ms, 0.1);
    EXPECT_LT(cycle.duty(), 0.02);
}

TEST(LeakPlaces, AreAlignedInsideAndDifferent) {
    for (const std::uint64_t size : {1U, 3U, 7U, 8U, 15U, 24U, 64U, 4096U, 32768U}) {
        std::set<std::uint64_t> offsets;
        for (const Place& place : places_in(size, 6)) {
            EXPECT_LE(place.offset + place.length, size);
            EXPECT_EQ(place.offset % place.length, 0U);
            EXPECT_TRUE(offsets.insert(place.offset).second);
        }
        EXPECT_EQ(offsets.size(), size < 8 ? 1 : std::min<std::uint64_t>(6, size / 8)) << size;
    }
}

class LeakConfirmation : public testing::Test {
  protected:
    LeakConfirmation() {
        history_.site.stack = 7;
        for (std::uint64_t i = 0; i < 20; ++i) {
            TrackedObject object;
            object.address = 0x1000 + i * 64;
            object.facts.site = history_.site;
            object.facts.size = 64;
            object.facts.time_ns = i;
            history_.old_objects.push_back(object);
        }
    }
    std::vector<WatchedPlace> next(WatchedPlace::Outcome outcome) {
        auto places = confirmation_.next_places({&history_}, 3);
        for (WatchedPlace& place : places) place.outcome = outcome;
        confirmation_.learn(places);
        return places;
    }
    GroupWatching::State state() { return confirmation_.of(history_.site)->state; }
    GroupHistory history_;
    Confirmation confirmation_;
};

TEST_F(LeakConfirmation, NeedsSixQuietPlacesInDifferentObjects) {
    std::set<std::uint64_t> offsets, objects;
    for (int round = 0; round < 2; ++round) {
        EXPECT_FALSE(confirmation_.is_decided(history_.site));
        for (const WatchedPlace& place : next(WatchedPlace::Outcome::Quiet)) {
            offsets.insert(place.offset);
            objects.insert(place.object.address);
        }
    }
    EXPECT_EQ(state(), GroupWatching::State::Confirmed);
    EXPECT_EQ(offsets.size(), 6U);
    EXPECT_GE(objects.size(), 5U);
    EXPECT_TRUE(next(WatchedPlace::Outcome::Quiet).empty());
}

TEST_F(LeakConfirmation, OneTouchShowsUse) {
    (void)next(WatchedPlace::Outcome::Quiet);
    (void)next(WatchedPlace::Outcome::Touched);
    EXPECT_EQ(state(), GroupWatching::State::InUse);
}

TEST_F(LeakConfirmation, FreedAndUnwatchedProveNothing) {
    for (int round = 0; round < 4; ++round) {
        (void)next(WatchedPlace::Outcome::Freed);
        (void)next(WatchedPlace::Outcome::Unwatched);
    }
    EXPECT_EQ(state(), GroupWatching::State::Unconfirmed);
    EXPECT_TRUE(confirmation_.is_decided(history_.site)); // given up, not confirmed
}

} // namespace
} // namespace stakeout
