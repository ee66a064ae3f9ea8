// Loads the real hit program: needs root.
#include "watchpoints/arm/own_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace stakeout {
namespace {

TEST(OwnMemory, IsKnownAndRefused) {
    if (::geteuid() != 0) GTEST_SKIP() << "loading BPF programs needs root";
    HitProgramConfig config;
    config.tell_own_memory = true;
    auto program = HitProgram::load(config);
    ASSERT_TRUE(program) << program.error().sentence();
    auto ranges = (*program)->own_memory();
    ASSERT_TRUE(ranges) << ranges.error().sentence();
    EXPECT_GE(ranges->size(), 6U);
    for (const HitProgram::OwnRange& range : *ranges) {
        EXPECT_EQ(range.start >> 56U, 0xffU);
        Target target;
        target.name = "x";
        target.size = 8;
        target.address = range.start + range.bytes - 1;
        const auto refused = check_not_own_memory({&target, 1}, **program);
        ASSERT_FALSE(refused);
        EXPECT_NE(refused.error().sentence().find("own hit program"), std::string::npos);
    }
    Target elsewhere;
    elsewhere.name = "y";
    elsewhere.size = 8;
    elsewhere.address = 0xffffffff81000000U;
    EXPECT_TRUE(check_not_own_memory({&elsewhere, 1}, **program));
}

} // namespace
} // namespace stakeout
