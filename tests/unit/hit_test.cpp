#include "watchpoints/hit/hit.h"

#include <gtest/gtest.h>

namespace stakeout {
namespace {

TEST(Value, Hex) {
    EXPECT_EQ(Value{{}}.hex(), "0x0");
    EXPECT_EQ((Value{{0, 0, 0, 0}}.hex()), "0x0");
    EXPECT_EQ((Value{{0x2a, 0, 0, 0}}.hex()), "0x2a");
    EXPECT_EQ((Value{{0x00, 0x01}}.hex()), "0x100");
    EXPECT_EQ((Value{{0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, 0x0f}}.hex()), "0xf0123456789abcdef");
}

} // namespace
} // namespace stakeout
