// Many objects of one type: who is suspected, and who is not.
#include "scripts/refcount/object_origin.h"
#include "scripts/refcount/object_tally.h"

#include <gtest/gtest.h>

namespace stakeout {
namespace {

constexpr std::uint64_t ms = 1'000'000;

Value counter_of(std::uint8_t value) { return {{value, 0, 0, 0}}; }

FunctionAccount did(std::uint64_t gets, std::uint64_t puts, std::uint64_t last_get_ns) {
    FunctionAccount account;
    account.gets = gets;
    account.puts = puts;
    account.last_get_ns = last_get_ns;
    account.longest_hold_ns = ms;
    return account;
}

// Born with one reference, which its maker gives back; worker uses it and, when asked, forgets to give back.
ReferenceAccount life_of(std::uint64_t worker_gets, std::uint64_t worker_puts, bool maker_puts) {
    ReferenceAccount account;
    account.first = 1;
    account.functions["worker"] = did(worker_gets, worker_puts, 10 * ms);
    account.functions["maker"] = did(0, maker_puts ? 1 : 0, 0);
    account.gets = worker_gets;
    account.puts = worker_puts + (maker_puts ? 1 : 0);
    return account;
}

struct Objects {
    ObjectTally tally;
    std::uint64_t number = 0;
    void freed() { add(LifeEnd::How::Freed, 0, life_of(1, 1, true), 500 * ms); }
    void add(LifeEnd::How how, std::uint8_t value, const ReferenceAccount& account, std::uint64_t end_ns) {
        const ObjectLife life{++number, 0, 0x1000, 0x1008, ms, 2 * ms, counter_of(1)};
        tally.add(life, {how, end_ns, counter_of(value)}, account);
    }
};

TEST(ObjectTally, WhoKeepsSeveralObjectsAliveIsSuspected) {
    Objects objects;
    for (int i = 0; i < 3; ++i) objects.freed();
    for (int i = 0; i < 2; ++i) objects.add(LifeEnd::How::StillAlive, 1, life_of(1, 0, true), 500 * ms);
    EXPECT_TRUE(objects.tally.suspects().empty()); // two are not enough
    objects.add(LifeEnd::How::StillAlive, 1, life_of(1, 0, true), 500 * ms);
    const auto suspects = objects.tally.suspects();
    ASSERT_EQ(suspects.size(), 1U);
    EXPECT_EQ(suspects.front().function, "worker");
    EXPECT_EQ(suspects.front().references, 3U);
}

TEST(ObjectTally, WhoStillUsesThemIsNot) {
    Objects objects;
    for (int i = 0; i < 5; ++i) objects.freed();
    for (int i = 0; i < 5; ++i) objects.add(LifeEnd::How::WatchOver, 1, life_of(1, 0, true), 20 * ms);
    EXPECT_TRUE(objects.tally.suspects().empty());
}

TEST(ObjectTally, WhoseMakerHoldsThemIsNot) {
    Objects objects;
    for (int i = 0; i < 5; ++i) objects.freed();
    for (int i = 0; i < 5; ++i) objects.add(LifeEnd::How::StillAlive, 2, life_of(1, 0, false), 500 * ms);
    EXPECT_TRUE(objects.tally.suspects().empty());
    EXPECT_EQ(objects.tally.kept().size(), 5U);
}

TEST(ObjectTally, WhatHandsOverInFreedObjectsTooIsNot) {
    Objects objects;
    for (int i = 0; i < 5; ++i) {
        ReferenceAccount account = life_of(1, 0, true);
        account.functions["other"] = did(0, 1, 0);
        ++account.puts;
        objects.add(LifeEnd::How::Freed, 0, account, 500 * ms);
    }
    for (int i = 0; i < 5; ++i) objects.add(LifeEnd::How::StillAlive, 1, life_of(1, 0, true), 500 * ms);
    EXPECT_TRUE(objects.tally.suspects().empty());
}

TEST(ObjectTally, StepsThatWereNotSeenAccuseNobody) {
    Objects objects;
    for (int i = 0; i < 5; ++i) objects.freed();
    for (int i = 0; i < 5; ++i) objects.add(LifeEnd::How::StillAlive, 3, life_of(1, 0, true), 500 * ms);
    EXPECT_TRUE(objects.tally.suspects().empty());
    EXPECT_EQ(objects.tally.counts().unclear, 5U);
}

TEST(TypePath, IsSplitAtTheFirstField) {
    EXPECT_EQ(split_type_path("struct file.f_count").type, "file");
    EXPECT_EQ(split_type_path("struct file.f_count").field_path, ".f_count");
    EXPECT_EQ(split_type_path("session").type, "session");
    EXPECT_EQ(split_type_path("session").field_path, "");
}

} // namespace
} // namespace stakeout
