#include "xen-bridge/guest/changed_bytes.h"

#include <gtest/gtest.h>

namespace stakeout {
namespace {

std::vector<ChangedBytes> changed(std::size_t size, std::initializer_list<std::size_t> at) {
    const std::vector<std::uint8_t> before(size);
    auto now = before;
    for (const std::size_t one : at) now[one] = 1;
    return changed_bytes(before, now);
}

using Pieces = std::vector<ChangedBytes>;

TEST(ChangedBytes, AreWholeWords) {
    EXPECT_EQ(changed(4096, {}), Pieces{});
    EXPECT_EQ(changed(4096, {9}), (Pieces{{8, 8}}));
    EXPECT_EQ(changed(4096, {4095}), (Pieces{{4088, 8}}));
}

TEST(ChangedBytes, NeighboursAreJoinedUpTo32) {
    EXPECT_EQ(changed(64, {0, 8, 23}), (Pieces{{0, 24}}));
    EXPECT_EQ(changed(64, {0, 8, 16, 24, 32}), (Pieces{{0, 32}, {32, 8}}));
    EXPECT_EQ(changed(64, {0, 16}), (Pieces{{0, 8}, {16, 8}}));
}

TEST(ChangedBytes, TheLastWordMayBeShort) {
    EXPECT_EQ(changed(13, {12}), (Pieces{{8, 5}}));
    EXPECT_EQ(changed(3, {0}), (Pieces{{0, 3}}));
    EXPECT_EQ(changed(0, {}), Pieces{});
}

} // namespace
} // namespace stakeout
