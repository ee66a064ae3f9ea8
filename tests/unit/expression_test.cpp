#include "watchpoints/target/expression.h"

#include <gtest/gtest.h>

namespace stakeout {
namespace {

TEST(SymbolExpression, PlainName) {
    const auto e = parse_symbol("jiffies_64");
    ASSERT_TRUE(e);
    EXPECT_EQ(e->name, "jiffies_64");
    EXPECT_TRUE(e->module.empty());
    EXPECT_TRUE(e->path.empty());
    EXPECT_EQ(e->offset, 0U);
}

TEST(SymbolExpression, ModuleOffsetAndPath) {
    const auto e = parse_symbol("nf_tables:table+0x18.list->next[3]");
    ASSERT_TRUE(e) << e.error().sentence();
    EXPECT_EQ(e->module, "nf_tables");
    EXPECT_EQ(e->name, "table");
    EXPECT_EQ(e->offset, 0x18U);
    EXPECT_EQ(to_text(e->path), ".list->next[3]");
}

TEST(SymbolExpression, TypedPath) {
    const auto e = parse_symbol("init_task.signal->nr_threads");
    ASSERT_TRUE(e);
    EXPECT_EQ(e->name, "init_task");
    ASSERT_EQ(e->path.size(), 2U);
    EXPECT_EQ(e->path[0].kind, PathStep::Kind::Member);
    EXPECT_EQ(e->path[1].kind, PathStep::Kind::Arrow);
    EXPECT_EQ(e->path[1].field, "nr_threads");
}

TEST(SymbolExpression, LibrariesScopesAndStaticLocals) {
    const auto library = parse_symbol("libc.so.6:environ");
    ASSERT_TRUE(library);
    EXPECT_EQ(library->module, "libc.so.6");
    const auto scoped = parse_symbol("ns::inner::count");
    ASSERT_TRUE(scoped);
    EXPECT_EQ(scoped->name, "ns::inner::count");
    const auto both = parse_symbol("libx.so:ns::count");
    ASSERT_TRUE(both);
    EXPECT_EQ(both->module, "libx.so");
    EXPECT_EQ(both->name, "ns::count");
    const auto local = parse_symbol("count.0.field");
    ASSERT_TRUE(local);
    EXPECT_EQ(local->name, "count.0");
    EXPECT_EQ(to_text(local->path), ".field");
}

TEST(ObjectExpression, TaskAndFile) {
    const auto task = parse_object("task(1234)->clear_child_tid");
    ASSERT_TRUE(task);
    EXPECT_EQ(task->kind, "task");
    EXPECT_EQ(task->arguments, std::vector<std::uint64_t>{1234});
    const auto file = parse_object("file(1234, 3)->f_path.dentry");
    ASSERT_TRUE(file);
    EXPECT_EQ(file->arguments, (std::vector<std::uint64_t>{1234, 3}));
    EXPECT_EQ(to_text(file->path), "->f_path.dentry");
}

TEST(AddressRange, AddressAndRange) {
    const auto one = parse_range("0xffff888012345678");
    ASSERT_TRUE(one);
    EXPECT_EQ(one->start, 0xffff888012345678U);
    EXPECT_EQ(one->end, one->start);
    const auto range = parse_range("4096-0x1010");
    ASSERT_TRUE(range);
    EXPECT_EQ(range->start, 4096U);
    EXPECT_EQ(range->end, 0x1010U);
}

class Malformed : public testing::TestWithParam<const char*> {};

TEST_P(Malformed, IsAUsageErrorThatSaysWhere) {
    const std::string text = GetParam();
    const auto parsed = parse_symbol(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().failure, Failure::Usage);
    EXPECT_NE(parsed.error().cause.find("character"), std::string::npos) << parsed.error().sentence();
}
INSTANTIATE_TEST_SUITE_P(Symbols, Malformed,
                         testing::Values("", " ", "1abc", "a b", "a.", "a->", "a-", "a[", "a[]", "a[1",
                                         "a[-1]", "a+", "a+x", "a+0x", "a:", ":", "a..b", "a->->b", "a.b+1",
                                         "a[99999999999999999999]", "a\n"));

TEST(MalformedObject, IsRefused) {
    for (const char* text :
         {"", "task", "task(", "task()", "task(1", "task(x)", "task(1,)", "task(1)x", "(1)", "task(-1)"})
        EXPECT_FALSE(parse_object(text)) << text;
}

TEST(MalformedRange, IsRefused) {
    for (const char* text :
         {"", "x", "0x", "0x10-", "0x10-0x10", "0x20-0x10", "0x10-0x20-0x30", "-1", "0x1ffffffffffffffff"})
        EXPECT_FALSE(parse_range(text)) << text;
}

TEST(Path, HasALimit) {
    std::string text = "a";
    for (int i = 0; i < 65; ++i) text += ".b";
    EXPECT_FALSE(parse_symbol(text));
}

} // namespace
} // namespace stakeout
