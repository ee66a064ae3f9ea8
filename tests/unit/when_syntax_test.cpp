#include "loader/predicate/when_expression.h"
#include "loader/predicate/when_syntax.h"

#include <gtest/gtest.h>

#include <string>

namespace stakeout {
namespace {

std::string said(std::string_view text) {
    const auto parsed = parse_when(text);
    return parsed ? "no error" : parsed.error().sentence();
}

struct Wrong {
    std::string_view expression, cause;
    std::size_t column; // of the mark
};

class WhenErrors : public testing::TestWithParam<Wrong> {};

TEST_P(WhenErrors, SayTheCauseAndMarkThePlace) {
    const Wrong& wrong = GetParam();
    const auto parsed = parse_when(wrong.expression);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().failure, Failure::Usage);
    const std::string text = parsed.error().sentence();
    EXPECT_NE(text.find(wrong.cause), std::string::npos) << text;
    EXPECT_FALSE(parsed.error().remedy.starts_with('\n')) << "says what to do: " << text;
    const std::string lines =
        "\n  " + std::string(wrong.expression) + "\n  " + std::string(wrong.column, ' ') + "^";
    EXPECT_NE(text.find(lines), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(
    All, WhenErrors,
    testing::Values(
        Wrong{"nwe == 0", "there is no name 'nwe'; did you mean 'new'?", 0},
        Wrong{"new == 0 && coom != \"a\"", "there is no name 'coom'; did you mean 'comm'", 12},
        Wrong{"zzzzzzzz", "there are old new delta", 0}, Wrong{"new = 0", "'=' assigns", 4},
        Wrong{"new === 0", "'===' is no operator", 4}, Wrong{"new++", "cannot count up", 3},
        Wrong{"new += 1", "cannot assign", 4}, Wrong{"new <> 1", "!=", 4}, Wrong{"pid, tid", "list", 3},
        Wrong{"pid;", "statements", 3}, Wrong{"comm =~ \"k.*\"", "regular expressions", 5},
        Wrong{"new ==", "the expression ends where a name or a number was expected", 6},
        Wrong{"(new == 0", "the expression ends where the ')' of a '('", 9},
        Wrong{"new == 0)", "')' stands where an operator or the end", 8},
        Wrong{"new new", "'new' stands where an operator", 4}, Wrong{"pid ? 1", "the ':' of a '?'", 7},
        Wrong{"new.", "a field's name", 4}, Wrong{"new.5", "a field's name", 4},
        Wrong{"new[pid]", "an index is a number", 4}, Wrong{"new[1", "the ']' of an index", 5},
        Wrong{"pid.x", "pid has no fields", 3}, Wrong{"comm", "comm is text", 0},
        Wrong{"comm + 1", "comm is text", 0}, Wrong{"!comm", "comm is text", 1},
        Wrong{"comm < \"b\"", "comm is text", 0}, Wrong{"comm == pid", "comm is text", 0},
        Wrong{"pid == \"a\"", "a string can only be compared with comm or access", 7},
        Wrong{"\"a\" == \"b\"", "a string can only be compared", 0},
        Wrong{"pid ? comm : 1", "comm is text", 6},
        Wrong{"comm == \"0123456789abcdef\"", "at most 15 characters", 8},
        Wrong{"comm == \"a\\0b\"", "no zero bytes", 8},
        Wrong{"access == \"writes\"", "no kind of access", 10}, Wrong{"u8", "'u8' is a type", 0},
        Wrong{"(char *)new", "not a pointer", 6}, Wrong{"(long char)new", "no integer type", 1},
        Wrong{"(unsigned x)new", "no integer type", 1}, Wrong{"(u8 new", "no integer type", 1},
        Wrong{"strlen(comm)", "functions cannot be called", 0}, Wrong{"1.5 < new", "whole", 0},
        Wrong{"08", "octal", 0}, Wrong{"0x", "hexadecimal", 0}, Wrong{"0b2", "binary", 0},
        Wrong{"1uu", "'uu' is no suffix", 0}, Wrong{"1lL", "'lL' is no suffix", 0},
        Wrong{"123abc", "'abc' is no suffix", 0}, Wrong{"18446744073709551616u", "more than 64 bits", 0},
        Wrong{"9223372036854775808", "does not fit a signed one", 0}, Wrong{"'ab'", "one character", 0},
        Wrong{"''", "one character", 0}, Wrong{"pid == 'a", "the closing ' is missing", 7},
        Wrong{"comm == \"a", "the closing \" is missing", 8},
        Wrong{"comm == \"\\q\"", "this escape has no meaning", 9},
        Wrong{"comm == \"\\x\"", "this escape has no meaning", 9}, Wrong{"pid @ 1", "'@' has no meaning", 4},
        Wrong{"pid \xe2\x89\xa5 1", "'\xe2\x89\xa5' has no meaning", 4}, Wrong{"", "empty", 0},
        Wrong{"  ", "empty", 2}));

TEST(WhenSyntax, MarksTheWholeWordAndCountsCharactersNotBytes) {
    EXPECT_NE(said("pid == 1 || nothing_like_it").find("\n              ^~~~~~~~~~~~~~~"), std::string::npos);
    EXPECT_NE(said("comm == \"\xc3\xa4\xc3\xa4\" && nwe").find("\n                  ^~~"), std::string::npos);
}

TEST(WhenSyntax, ShowsThePartOfALongExpressionThatMatters) {
    std::string text;
    for (int i = 0; i < 100; ++i) text += "pid == 1 || ";
    const std::string error = said(text + "nwe || " + text + "1");
    EXPECT_LT(error.size(), 400U);
    EXPECT_NE(error.find("..."), std::string::npos);
    const std::size_t mark = error.rfind('\n'), line = error.rfind('\n', mark - 1);
    EXPECT_EQ(error.substr(line + (error.find('^') - mark), 3), "nwe");
}

TEST(WhenSyntax, ControlCharactersDoNotReachTheTerminal) {
    const std::string error = said(std::string("pid \x1b[31m == \0 1", 14));
    EXPECT_EQ(error.find('\x1b'), std::string::npos);
    EXPECT_EQ(error.find('\0'), std::string::npos);
}

TEST(WhenSyntax, IsBounded) {
    EXPECT_TRUE(parse_when(std::string(60, '(') + "pid" + std::string(60, ')')));
    EXPECT_NE(said(std::string(70, '(') + "pid" + std::string(70, ')')).find("more than 64 levels"),
              std::string::npos);
    EXPECT_NE(said(std::string(4000, '!') + "pid").find("more than 64 levels"), std::string::npos);
    EXPECT_NE(said(std::string(4096, '(')).find("more than 64 levels"), std::string::npos);
    EXPECT_NE(said(std::string(4097, ' ')).find("4097 characters, and 4096 are the most"), std::string::npos);
    std::string conditions, chain = "pid", climbing;
    for (int i = 0; i < 400; ++i) conditions += "pid?1:";
    EXPECT_NE(said(conditions + "1").find("more than 64 levels"), std::string::npos);
    for (int i = 0; i < 1000; ++i) chain += "+1";
    EXPECT_TRUE(parse_when(chain)) << "a chain is one level";
    for (int i = 0; i < 20; ++i) climbing += "1||1&&1|1^1&1==1<1<<1+1*(";
    EXPECT_NE(said(climbing + "1" + std::string(20, ')')).find("more than 64 levels"), std::string::npos);
}

TEST(WhenSyntax, PathsAreKeptWithoutSpaces) {
    const auto parsed = parse_when("new . a -> b [ 0x10 ] . c");
    ASSERT_TRUE(parsed) << parsed.error().sentence();
    EXPECT_EQ(parsed->nodes.back().text, ".a->b[16].c");
    EXPECT_EQ(parsed->nodes.back().name, WhenName::New);
}

// ---- types ----

Result<WhenExpression> bound(std::string_view text, PredicateTarget target = {4, false}) {
    auto parsed = parse_when(text);
    if (!parsed) return std::move(parsed).error();
    return WhenExpression::bind(
        *parsed, {target}, [](std::size_t, std::string_view path) -> Result<FieldPlace> {
            if (path == ".far") return FieldPlace{30, {}, 4, false, 0, 0};
            if (path == ".long_double") return FieldPlace{0, {}, 16, false, 0, 0};
            if (path == "->pid") return FieldPlace{0, {16}, 4, true, 0, 0};
            return usage_error("find", "struct s has no field 'flasg'", "did you mean 'flags'?");
        });
}

WhenType type_of(std::string_view text, PredicateTarget target = {4, false}) {
    const auto expression = bound(text, target);
    EXPECT_TRUE(expression) << (expression ? "" : expression.error().sentence());
    return expression ? expression->tree(0).back().type : WhenType::I32;
}

TEST(WhenTypes, OfLiterals) {
    EXPECT_EQ(type_of("2147483647"), WhenType::I32);
    EXPECT_EQ(type_of("2147483648"), WhenType::I64);
    EXPECT_EQ(type_of("0x80000000"), WhenType::U32);
    EXPECT_EQ(type_of("0x100000000"), WhenType::I64);
    EXPECT_EQ(type_of("0x8000000000000000"), WhenType::U64);
    EXPECT_EQ(type_of("1u"), WhenType::U32);
    EXPECT_EQ(type_of("4294967296u"), WhenType::U64);
    EXPECT_EQ(type_of("1l"), WhenType::I64);
    EXPECT_EQ(type_of("1LLU"), WhenType::U64);
    EXPECT_EQ(type_of("'a'"), WhenType::I32);
}

TEST(WhenTypes, OfNamesAndOperators) {
    EXPECT_EQ(type_of("new", {1, false}), WhenType::I32);
    EXPECT_EQ(type_of("new", {2, true}), WhenType::I32);
    EXPECT_EQ(type_of("new", {4, false}), WhenType::U32);
    EXPECT_EQ(type_of("new", {8, false}), WhenType::U64);
    EXPECT_EQ(type_of("new", {8, true}), WhenType::I64);
    EXPECT_EQ(type_of("delta"), WhenType::I64);
    EXPECT_EQ(type_of("pid"), WhenType::U32);
    EXPECT_EQ(type_of("ip"), WhenType::U64);
    EXPECT_EQ(type_of("pid + 1"), WhenType::U32);
    EXPECT_EQ(type_of("pid + 1l"), WhenType::I64);
    EXPECT_EQ(type_of("1 << ip"), WhenType::I32);
    EXPECT_EQ(type_of("ip == delta"), WhenType::I32);
    EXPECT_EQ(type_of("pid ? 1 : ip"), WhenType::U64);
    EXPECT_EQ(type_of("!ip"), WhenType::I32);
    EXPECT_EQ(type_of("~ip"), WhenType::U64);
    EXPECT_EQ(type_of("(u8)ip"), WhenType::I32);
    EXPECT_EQ(type_of("(long unsigned int)1"), WhenType::U64);
}

TEST(WhenTypes, TargetsThatAreNoNumbers) {
    for (const char* text : {"new", "old == 1", "delta > 0"}) {
        const auto refused = bound(text, {24, false});
        ASSERT_FALSE(refused);
        EXPECT_NE(refused.error().sentence().find("24 bytes and is no number"), std::string::npos);
        EXPECT_NE(refused.error().remedy.find("--changed"), std::string::npos);
    }
    EXPECT_TRUE(bound("new->pid == 1", {24, false}));
}

TEST(WhenTypes, FieldsThatCannotBeUsed) {
    const auto unknown = bound("pid == 1 && new.flasg");
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().sentence(),
              "cannot understand --when: struct s has no field 'flasg'; did you mean 'flags'?\n"
              "  pid == 1 && new.flasg\n"
              "              ^~~~~~~~~");
    EXPECT_NE(bound("new.far").error().sentence().find("outside the 4 bytes"), std::string::npos);
    EXPECT_NE(bound("new.long_double").error().sentence().find("16 bytes and is no number"),
              std::string::npos);
}

TEST(WhenExpression, KnowsWhatItNeeds) {
    EXPECT_TRUE(bound("access == \"write\"")->uses_access());
    EXPECT_FALSE(bound("new == 1")->uses_access());
    EXPECT_TRUE(bound("new->pid == 1")->uses_kernel_reads());
    EXPECT_FALSE(bound("pid == 1")->uses_kernel_reads());
}

} // namespace
} // namespace stakeout
