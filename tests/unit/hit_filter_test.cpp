#include "watchpoints/hit/hit_filter.h"
#include "watchpoints/hit/script_says.h"

#include <gtest/gtest.h>

namespace stakeout {
namespace {

TEST(ExactCommPatterns, TakesWhatTheKernelCanCompare) {
    const auto one = exact_comm_patterns("^systemd$");
    ASSERT_TRUE(one && one->size() == 1);
    EXPECT_EQ(one->front().text, "systemd");
    EXPECT_FALSE(one->front().is_prefix);
    const auto prefix = exact_comm_patterns("^kworker/");
    ASSERT_TRUE(prefix && prefix->size() == 1);
    EXPECT_TRUE(prefix->front().is_prefix);
    const auto several = exact_comm_patterns("^(a|bc)$");
    ASSERT_TRUE(several && several->size() == 2);
    EXPECT_EQ(several->back().text, "bc");
}

TEST(ExactCommPatterns, LeavesTheRestToTheReader) {
    for (const char* expression :
         {"systemd", "^a.c$", "^a|b$", "^[ab]$", "^a*$", "^abcdefghijklmnopq$", "^a\\.b$"})
        EXPECT_FALSE(exact_comm_patterns(expression)) << expression;
}

Hit hit_of(const std::string& comm, const std::string& symbol) {
    Hit hit;
    hit.comm = comm;
    Frame frame;
    frame.symbol = symbol;
    hit.kernel_stack.push_back(frame);
    return hit;
}

TEST(HitFilter, CommAndStack) {
    auto filter = HitFilter::make({"d$", "^ext4_", nullptr});
    ASSERT_TRUE(filter);
    EXPECT_FALSE((*filter)->drops(hit_of("systemd", "ext4_write")));
    EXPECT_EQ((*filter)->drops(hit_of("bash", "ext4_write")), HitFilter::Drop::Comm);
    EXPECT_EQ((*filter)->drops(hit_of("systemd", "vfs_write")), HitFilter::Drop::Stack);
}

TEST(HitFilter, RefusesWhatIsNoExpression) {
    auto filter = HitFilter::make({"(", "", nullptr});
    ASSERT_FALSE(filter);
    EXPECT_EQ(filter.error().failure, Failure::Usage);
}

TEST(ScriptSays, ValuesByLayout) {
    using Kind = ScriptFieldLayout::Kind;
    RawExtra extra;
    extra.fields = {0xff, 0xff, 0x03, 0, 'h', 'i', 0, 'x', 0x5a, 0, 0, 0, 0, 0, 0, 0};
    extra.fields.resize(256);
    const std::vector<ScriptFieldLayout> layout{
        {"small", Kind::Signed, 0, 2, 0, 0, {}},  {"flag", Kind::Bool, 2, 1, 0, 0, {}},
        {"text", Kind::Text, 4, 4, 0, 0, {}},     {"low", Kind::Unsigned, 8, 8, 0, 4, {}},
        {"high", Kind::Unsigned, 8, 8, 4, 4, {}}, {"which", Kind::Enum, 2, 1, 0, 0, {{3, "three"}}},
    };
    const ScriptSays says = script_says(extra, layout);
    ASSERT_EQ(says.fields.size(), 6U);
    EXPECT_EQ(static_cast<std::int64_t>(says.fields[0].number), -1);
    EXPECT_EQ(says.fields[1].number, 3U);
    EXPECT_EQ(says.fields[2].text, "hi");
    EXPECT_EQ(says.fields[3].number, 0xaU);
    EXPECT_EQ(says.fields[4].number, 0x5U);
    EXPECT_EQ(says.fields[5].text, "three");
}

} // namespace
} // namespace stakeout
