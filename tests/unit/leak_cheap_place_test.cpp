// Entries of free() and the like as compilers make them.
#include "scripts/probes/cheap_place.h"

#include <gtest/gtest.h>

#include <vector>

namespace stakeout {
namespace {

using Code = std::vector<std::uint8_t>;

TEST(CheapPlace, IsThePushBehindTheTestForNull) { // glibc 2.36, free
    EXPECT_EQ(cheap_place(Code{0x48, 0x85, 0xff, 0x0f, 0x84, 0xbf, 0, 0, 0, 0x55, 0x48, 0x8d, 0x77, 0xf0}),
              9U);
    EXPECT_EQ(cheap_place(Code{0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x85, 0xff, 0x74, 0x10, 0x41, 0x54}), 9U);
}

TEST(CheapPlace, IsTheEntryWhereThatIsAPush) {
    EXPECT_EQ(cheap_place(Code{0x55, 0x48, 0x89, 0xe5}), 0U);
    EXPECT_EQ(cheap_place(Code{0x41, 0x54, 0x55}), 0U);
}

TEST(CheapPlace, IsTheJumpWhereNothingBetterFollows) {
    EXPECT_EQ(cheap_place(Code{0x48, 0x85, 0xff, 0x74, 0x10, 0x48, 0x8d, 0x77, 0xf0}), 3U);
}

TEST(CheapPlace, IsTheEntryWhereNothingIsKnown) {
    EXPECT_EQ(cheap_place(Code{0xb8, 0x0b, 0, 0, 0, 0x0f, 0x05}), 0U); // munmap: mov eax, 11; syscall
    EXPECT_EQ(cheap_place(Code{0x48, 0x89, 0xfb, 0x55}), 0U);          // mov rbx, rdi: not looked behind
    EXPECT_EQ(cheap_place(Code{0x48, 0x31, 0xff, 0x55}), 0U);          // xor rdi, rdi
    EXPECT_EQ(cheap_place(Code{0x48, 0x85}), 0U);                      // cut off
    EXPECT_EQ(cheap_place(Code{}), 0U);
}

} // namespace
} // namespace stakeout
