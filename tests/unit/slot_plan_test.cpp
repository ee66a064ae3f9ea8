#include "watchpoints/arm/slot_plan.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace stakeout {
namespace {

TEST(SlotPlan, AlignedWidthsTakeOneSlot) {
    for (const std::uint64_t width : {1, 2, 4, 8}) {
        const auto slots = cover(0xffff888000001000U, width, 0);
        ASSERT_EQ(slots.size(), 1U);
        EXPECT_EQ(slots[0], (Slot{0xffff888000001000U, static_cast<std::uint32_t>(width), 0}));
    }
}

TEST(SlotPlan, UnalignedEightBytes) {
    const auto slots = cover(0x1003, 8, 2);
    const std::vector<Slot> expected{{0x1003, 1, 2}, {0x1004, 4, 2}, {0x1008, 2, 2}, {0x100a, 1, 2}};
    EXPECT_EQ(slots, expected);
}

// The plan covers exactly the bytes asked for, each once, with slots that the hardware accepts, and with as
// few as any cover can have (found by brute force over all aligned blocks).
std::size_t fewest(std::uint64_t address, std::uint64_t size) {
    if (size == 0) return 0;
    std::size_t best = SIZE_MAX;
    for (const std::uint64_t length : {1, 2, 4, 8})
        if (address % length == 0 && length <= size)
            best = std::min(best, 1 + fewest(address + length, size - length));
    return best;
}

TEST(SlotPlan, CoversExactlyTheAskedBytes) {
    std::mt19937_64 random(20261120);
    for (int round = 0; round < 20000; ++round) {
        const std::uint64_t address = (random() & ~std::uint64_t{0xfff}) + random() % 64;
        const std::uint64_t size = 1 + random() % 32;
        std::set<std::uint64_t> covered;
        for (const Slot& slot : cover(address, size, 0)) {
            ASSERT_TRUE(slot.length == 1 || slot.length == 2 || slot.length == 4 || slot.length == 8);
            ASSERT_EQ(slot.address % slot.length, 0U);
            for (std::uint64_t byte = 0; byte < slot.length; ++byte)
                ASSERT_TRUE(covered.insert(slot.address + byte).second);
        }
        ASSERT_EQ(covered.size(), size);
        ASSERT_EQ(*covered.begin(), address);
        ASSERT_EQ(*covered.rbegin(), address + size - 1);
    }
}

TEST(SlotPlan, UsesAsFewSlotsAsPossible) {
    for (std::uint64_t address = 0x1000; address < 0x1010; ++address)
        for (std::uint64_t size = 1; size <= 16; ++size)
            EXPECT_EQ(cover(address, size, 0).size(), fewest(address, size));
}

Target target_of(const char* name, std::uint64_t address, std::uint64_t size) {
    Target target;
    target.name = name;
    target.address = address;
    target.size = size;
    return target;
}

TEST(SlotPlan, RefusalTellsHowManyItWouldTake) {
    const std::vector<Target> targets{target_of("big", 0x1001, 31)};
    const auto plan = plan_slots(targets, AccessKind::Write);
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().failure, Failure::CannotArm);
    EXPECT_NE(plan.error().sentence().find("would take 6 slots"), std::string::npos)
        << plan.error().sentence();
}

TEST(SlotPlan, SeveralTargetsShareTheFour) {
    const std::vector<Target> targets{target_of("a", 0x1000, 8), target_of("b", 0x2000, 4),
                                      target_of("c", 0x3002, 6)};
    const auto plan = plan_slots(targets, AccessKind::ReadWrite);
    ASSERT_TRUE(plan);
    const std::vector<Slot> expected{{0x1000, 8, 0}, {0x2000, 4, 1}, {0x3002, 2, 2}, {0x3004, 4, 2}};
    EXPECT_EQ(*plan, expected);
}

TEST(SlotPlan, ExecuteTakesOneSlotOfALongsLength) {
    const std::vector<Target> targets{target_of("f", 0x1003, 1)};
    const auto plan = plan_slots(targets, AccessKind::Execute);
    ASSERT_TRUE(plan);
    EXPECT_EQ(*plan, (std::vector<Slot>{{0x1003, 8, 0}}));
}

TEST(SlotPlan, ALongRangeIsCountedNotListed) {
    EXPECT_GT(cover(0, std::uint64_t{1} << 40U, 0).size(), 4096U);
}

} // namespace
} // namespace stakeout
