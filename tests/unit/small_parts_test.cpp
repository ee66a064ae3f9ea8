#include "base/printable.h"
#include "base/result.h"
#include "tools/options/duration.h"
#include "watchpoints/arm/brake.h"
#include "watchpoints/arm/online_cpus.h"
#include "watchpoints/target/address_rules.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace stakeout {
namespace {

TEST(Error, SentenceHasWhatWasTriedTheCauseAndTheRemedy) {
    const Error error = arm_error("arm x", "no slot", "end gdb", ENOSPC);
    EXPECT_EQ(error.sentence(), "cannot arm x: no slot (ENOSPC: No space left on device); end gdb");
    EXPECT_EQ(error.exit_status(), 3);
    EXPECT_EQ(usage_error("a", "b").exit_status(), 2);
    EXPECT_EQ(lost_target("a", "b").exit_status(), 4);
    EXPECT_EQ(internal_error("a", "b").exit_status(), 5);
}

TEST(ResultDeathTest, LookingAtTheWrongHalfEndsTheProcess) {
    Result<int> failed = usage_error("a", "b");
    EXPECT_DEATH((void)*failed, "wrong half");
    Result<int> fine = 1;
    EXPECT_DEATH((void)fine.error(), "wrong half");
}

TEST(Printable, WhatSteersATerminalBecomesVisibleAndTheRestStays) {
    EXPECT_EQ(printable("a\033[2J\x7f\n"), "a\\x1b[2J\\x7f\\x0a");
    EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b"); // CSI as one character
    EXPECT_EQ(printable("\xe2\x80\xae"
                        "exe"),
              "\\xe2\\x80\\xae"
              "exe"); // right to left
    EXPECT_EQ(printable("\xe2\x81\xa6"), "\\xe2\\x81\\xa6");
    EXPECT_EQ(printable("schl\xc3\xbcssel \xe2\x86\x92 \xe2"),
              "schl\xc3\xbcssel \xe2\x86\x92 \xe2"); // as it was
}

TEST(Duration, UnitsAndRefusals) {
    using namespace std::chrono_literals;
    EXPECT_EQ(*parse_duration("30s"), 30s);
    EXPECT_EQ(*parse_duration("10m"), 10min);
    EXPECT_EQ(*parse_duration("2h"), 2h);
    EXPECT_EQ(*parse_duration("500ms"), 500ms);
    EXPECT_EQ(*parse_duration("1d"), 24h);
    for (const char* text : {"", "10", "m", "-1s", "1.5h", "10x", "10 s", "99999999999s"})
        EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(CpuList, AsTheKernelWritesIt) {
    using List = std::vector<std::uint32_t>;
    EXPECT_EQ(parse_cpu_list("0-3,8\n"), (List{0, 1, 2, 3, 8}));
    EXPECT_EQ(parse_cpu_list("0\n"), (List{0}));
    EXPECT_EQ(parse_cpu_list(""), List{});
    EXPECT_EQ(parse_cpu_list("x,1,2-"), (List{1}));
    EXPECT_LE(parse_cpu_list("0-4294967295").size(), 8192U);
}

TEST(AddressHalves, FourAndFiveLevels) {
    EXPECT_EQ(half_of(0, false), Half::User);
    EXPECT_EQ(half_of(0x7fffffffffff, false), Half::User);
    EXPECT_EQ(half_of(0x800000000000, false), Half::NonCanonical);
    EXPECT_EQ(half_of(0xffff7fffffffffff, false), Half::NonCanonical);
    EXPECT_EQ(half_of(0xffff800000000000, false), Half::Kernel);
    EXPECT_EQ(half_of(0xff11000000000000, true), Half::Kernel);
    EXPECT_EQ(half_of(0xff11000000000000, false), Half::NonCanonical);
    EXPECT_EQ(half_of(0x00ffffffffffffff, true), Half::User);
}

TEST(Brake, BudgetInHitsFollowsTheCostAndTheRate) {
    Calibration calibration;
    calibration.exception_cost = std::chrono::microseconds(15);
    Brake brake;
    // A tenth of a quarter of a second at 20 us a hit.
    EXPECT_EQ(brake.limit_in_hits(calibration), 1250);
    brake.max_rate = 100;
    EXPECT_EQ(brake.window_max_hits(), 25U);
    EXPECT_EQ(brake.limit_in_hits(calibration), 25);
    brake.max_rate = 1;
    EXPECT_EQ(brake.window_max_hits(), 1U);
    calibration.exception_cost = std::chrono::nanoseconds(0);
    EXPECT_GE(brake.limit_in_hits(calibration), 1);
}

} // namespace
} // namespace stakeout
