#include "watchpoints/target/process_maps.h"

#include <gtest/gtest.h>

#include <bit>

#include <unistd.h>

namespace stakeout {
namespace {

TEST(ProcessMaps, ParsesTheKernelsFormat) {
    const auto maps = ProcessMaps::parse(
        "555555554000-555555556000 r-xp 00001000 fd:01 1234                       /usr/bin/a program\n"
        "7ffff7c00000-7ffff7c28000 r--p 00000000 fd:01 99 /usr/lib/libold.so (deleted)\n"
        "7ffff7fc1000-7ffff7fc3000 r-xp 00000000 00:00 0                          [vdso]\n"
        "7ffff7fff000-7ffff8000000 rw-p 00000000 00:00 0 \n");
    ASSERT_EQ(maps.all().size(), 4U);
    const Mapping& program = maps.all()[0];
    EXPECT_EQ(program.path, "/usr/bin/a program");
    EXPECT_EQ(program.offset, 0x1000U);
    EXPECT_EQ(program.device, "fd:01");
    EXPECT_EQ(program.inode, 1234U);
    EXPECT_TRUE(program.readable && program.executable && !program.writable);
    EXPECT_TRUE(maps.all()[1].deleted);
    EXPECT_EQ(maps.all()[1].path, "/usr/lib/libold.so");
    EXPECT_EQ(maps.all()[3].path, "");
    EXPECT_EQ(maps.containing(0x555555554000), &program);
    EXPECT_EQ(maps.containing(0x555555556000), nullptr) << "the end is exclusive";
    EXPECT_EQ(maps.containing(0), nullptr);
    EXPECT_EQ(maps.containing(0x7ffff7fc2fff)->path, "[vdso]");
}

TEST(ProcessMaps, PassesOverWhatIsCutOrGarbage) {
    for (const char* text : {"", "\n\n", "x", "1000", "1000-", "1000-2000", "1000-2000 r-",
                             "1000-2000 r-xp zz", "1000-2000 r-xp 0", "1000-2000 r-xp 0 fd:01",
                             "2000-1000 r-xp 0 fd:01 5 /x", "1000-20000000000000000 r-xp 0 fd:01 5 /x"})
        EXPECT_TRUE(ProcessMaps::parse(text).all().empty()) << text;
    EXPECT_EQ(ProcessMaps::parse("1000-2000 r-xp 0 fd:01 5").all().size(), 1U);
}

TEST(ProcessMaps, OfThisProcess) {
    const auto maps = ProcessMaps::read(::getpid());
    ASSERT_TRUE(maps);
    static int variable = 0;
    const auto address = std::bit_cast<std::uint64_t>(&variable);
    ASSERT_NE(maps->containing(address), nullptr);
    EXPECT_TRUE(maps->containing(address)->writable);
}

TEST(ProcessMaps, NoSuchProcess) {
    const auto maps = ProcessMaps::read(0x7ffffff0);
    ASSERT_FALSE(maps);
    EXPECT_EQ(maps.error().failure, Failure::LostTarget);
}

} // namespace
} // namespace stakeout
