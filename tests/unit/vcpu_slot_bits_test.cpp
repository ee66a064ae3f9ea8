#include "xen-bridge/domain/vcpu.h"

#include <gtest/gtest.h>

namespace stakeout {
namespace {

// DR7 by the manual: enable bits at 2n, kind at 16+4n, length at 18+4n.
TEST(VcpuSlotBits, AreWhereTheProcessorWantsThem) {
    DebugRegisters registers;
    set_slot(registers, 3, 0x1000, TrapOn::Write, 8);
    EXPECT_EQ(registers.control, 1ULL << 6 | (1ULL | 2ULL << 2) << 28);
    EXPECT_EQ(registers.address[3], 0x1000U);
    set_slot(registers, 0, 0x2000, TrapOn::ReadWrite, 4);
    EXPECT_EQ(registers.control & 0xf0003, 1ULL | (3ULL | 3ULL << 2) << 16);
    EXPECT_TRUE(is_enabled(registers, 0));
    EXPECT_FALSE(is_enabled(registers, 1));
}

TEST(VcpuSlotBits, OneSlotIsClearedWithoutTheOthers) {
    DebugRegisters registers, alone;
    set_slot(registers, 1, 0x1000, TrapOn::Write, 1);
    set_slot(registers, 2, 0x2000, TrapOn::Execute, 1);
    set_slot(alone, 2, 0x2000, TrapOn::Execute, 1);
    EXPECT_TRUE(same_slot(registers, alone, 2));
    clear_slot(registers, 1);
    EXPECT_EQ(registers, alone);
    clear_slot(registers, 2);
    EXPECT_EQ(registers, DebugRegisters{});
    EXPECT_FALSE(same_slot(registers, alone, 2));
}

} // namespace
} // namespace stakeout
