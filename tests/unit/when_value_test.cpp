#include "loader/predicate/address_set.h"
#include "loader/predicate/predicate_code.h"
#include "loader/predicate/when_value.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace stakeout {
namespace {

WhenExpression bound(std::string_view text, PredicateTarget target) {
    auto parsed = parse_when(text);
    EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().sentence());
    auto expression = WhenExpression::bind(*parsed, {target}, [](std::size_t, std::string_view path) {
        FieldPlace place{0, {16}, 4, true, 0, 0};
        if (path == ".low") place = {0, {}, 4, true, 0, 3};
        return Result<FieldPlace>(place);
    });
    EXPECT_TRUE(expression) << (expression ? "" : expression.error().sentence());
    return std::move(*expression);
}

std::optional<bool> judged(std::string_view text, const WhenValues& values,
                           PredicateTarget target = {8, true}) {
    return evaluate(bound(text, target), values);
}

WhenValues values_of(std::int64_t old_value, std::int64_t new_value) {
    WhenValues values;
    std::memcpy(values.old_bytes.data(), &old_value, sizeof(old_value));
    std::memcpy(values.new_bytes.data(), &new_value, sizeof(new_value));
    values.delta = new_value - old_value;
    values.pid = 7;
    values.comm = "bash";
    values.access = WhenAccess::Write;
    return values;
}

TEST(WhenValue, WhatCLeavesOpenIsFixed) {
    const auto lowest = std::numeric_limits<std::int64_t>::min();
    const WhenValues values = values_of(lowest, -1);
    EXPECT_EQ(judged("old / new == old", values), true);
    EXPECT_EQ(judged("old % new == 0", values), true);
    EXPECT_EQ(judged("old / (new + 1) == 0", values), true);
    EXPECT_EQ(judged("old % (new + 1) == old", values), true);
    EXPECT_EQ(judged("old - 1 > 0", values), true);
    EXPECT_EQ(judged("new >> 70 == -1 && 1 << 33 == 2 && 1l << 65 == 2", values), true);
    EXPECT_EQ(judged("(-2147483647 - 1) / -1 == -2147483647 - 1", values), true);
}

TEST(WhenValue, ConversionsAreThoseOfC) {
    const WhenValues values = values_of(0, -1);
    EXPECT_EQ(judged("new < 0", values, {1, true}), true);
    EXPECT_EQ(judged("new == 255", values, {1, false}), true);
    EXPECT_EQ(judged("new < 0u", values, {4, true}), false) << "compared as unsigned";
    EXPECT_EQ(judged("-1 < pid", values), false) << "pid is unsigned";
    EXPECT_EQ(judged("new < pid", values), true) << "as s64";
    EXPECT_EQ(judged("(signed char)0x80 == -128 && (u8)-1 == 255 && (bool)256 == 1", values), true);
    EXPECT_EQ(judged("~0 == -1 && ~0u == 0xffffffff && '\\xff' == -1", values), true);
}

TEST(WhenValue, NamesAndKinds) {
    WhenValues values = values_of(0, 0);
    EXPECT_EQ(judged("comm == \"bash\" && \"bash2\" != comm", values), true);
    EXPECT_EQ(judged("access == \"write\"", values), true);
    EXPECT_EQ(judged("access != \"read\" && access != \"execute\"", values), true);
    values.access = WhenAccess::Unknown;
    EXPECT_EQ(judged("access != \"read\"", values), std::nullopt);
}

TEST(WhenValue, CannotBeJudgedOnlyWhereItMatters) {
    WhenValues values = values_of(1, 0);
    values.unreadable = true;
    EXPECT_EQ(judged("new == 0", values), std::nullopt);
    EXPECT_EQ(judged("delta == 0", values), std::nullopt);
    EXPECT_EQ(judged("old == 1", values), true);
    EXPECT_EQ(judged("pid == 8 && new == 0", values), false);
    EXPECT_EQ(judged("pid == 7 || new == 0", values), true);
    EXPECT_EQ(judged("pid == 7 ? old : new", values), true);
    EXPECT_EQ(judged("new * 0", values), std::nullopt);
}

TEST(WhenValue, PointersAreFollowedAsFarAsTheyCanBeRead) {
    WhenValues values = values_of(0x1000, 0x2000);
    values.read_kernel = [](std::uint64_t address, std::span<std::uint8_t> into) {
        if (address != 0x1010) return false;
        std::fill(into.begin(), into.end(), std::uint8_t{0xFF});
        return true;
    };
    EXPECT_EQ(judged("old->x == -1", values), true);
    EXPECT_EQ(judged("new->x == -1", values), std::nullopt);
    values.read_kernel = nullptr;
    EXPECT_EQ(judged("old->x == -1", values), std::nullopt);
}

TEST(WhenValue, BitFields) {
    EXPECT_EQ(judged("new.low == -3", values_of(0, 0xFD)), true);
    EXPECT_EQ(judged("new.low == 2", values_of(0, 0xFA)), true);
}

TEST(AddressSet, DifferencesAndUnions) {
    const AddressSet set = AddressSet::of({{10, 20}, {15, 30}, {30, 40}, {50, 50}, {70, 60}});
    EXPECT_EQ(set.borders(), (std::vector<std::uint64_t>{10, 40}));
    const AddressSet rest = AddressSet::everything().without(set);
    EXPECT_EQ(rest.borders(), (std::vector<std::uint64_t>{0, 10, 40}));
    EXPECT_TRUE(rest.has(0) && rest.has(9) && !rest.has(10) && !rest.has(39) && rest.has(40) &&
                rest.has(~0ULL));
    EXPECT_TRUE(set.without(set).is_empty());
    EXPECT_TRUE(AddressSet::everything().without(AddressSet::of({})).is_everything());
}

PredicateRequest request_for(std::uint32_t width) {
    PredicateRequest request;
    request.targets = {{width, false}};
    return request;
}

TEST(PredicateCode, RefusesWhatNeverPasses) {
    PredicateRequest request = request_for(4);
    request.only_from = {{10, 20}};
    request.not_from = {{0, 30}};
    EXPECT_EQ(predicate_code(request).error().failure, Failure::Usage);
    request.not_from.clear();
    EXPECT_TRUE(predicate_code(request));
    request.comm = {{"0123456789abcdef", false}};
    EXPECT_NE(predicate_code(request).error().sentence().find("the kernel keeps 15"), std::string::npos);
}

TEST(PredicateCode, RefusesWhatIsTooLong) {
    PredicateRequest request = request_for(8);
    request.targets = {{8, true}, {8, true}, {8, true}, {8, true}};
    std::string text = "old";
    for (int i = 0; i < 1000; ++i) text += "/old";
    const auto expression = WhenExpression::bind(*parse_when(text), request.targets, {});
    ASSERT_TRUE(expression);
    request.when = &*expression;
    const auto code = predicate_code(request);
    ASSERT_FALSE(code);
    EXPECT_NE(code.error().sentence().find("too long for one BPF program"), std::string::npos);
}

TEST(PredicateCode, UsesLittleStack) {
    // Balanced trees hold the most.
    std::string text = "old";
    while (text.size() < 1500) text = "(" + text + "^" + text + ")";
    const WhenExpression expression = bound(text, {8, true});
    EXPECT_LE(expression.tree(0).back().held, 12U);
    std::string leaning = "old";
    for (int i = 0; i < 60; ++i) leaning = "1-(" + leaning + ")";
    EXPECT_LE(bound(leaning, {8, true}).tree(0).back().held, 1U);
}

} // namespace
} // namespace stakeout
