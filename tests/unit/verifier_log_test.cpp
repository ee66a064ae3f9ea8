#include "loader/verifier_log.h"
#include "loader/verifier_rules.h"

#include <gtest/gtest.h>

namespace stakeout {
namespace {

constexpr const char* script = "#include <stakeout.h>\n\non_hit(h) {\n    *p = 1;\n    return keep;\n}\n";

TEST(VerifierLog, LineAndSentenceOfANewKernel) {
    const auto end = end_of_verifier_log("0: R1=ctx() R10=fp0\n"
                                         "; *p = 1; @ guard.c:4\n"
                                         "7: (7b) *(u64 *)(r0 +0) = r1\n"
                                         "R0 invalid mem access 'map_value_or_null'\n"
                                         "processed 8 insns (limit 1000000) max_states_per_insn 0\n",
                                         "/home/me/guard.c", script);
    EXPECT_EQ(end.line, 4);
    EXPECT_EQ(end.sentence, "R0 invalid mem access 'map_value_or_null'");
}

TEST(VerifierLog, BeforeLinuxSixEightTheTextTellsTheLine) {
    const auto end = end_of_verifier_log(
        "; *p = 1;\n7: (7b) *(u64 *)(r0 +0) = r1\nR0 invalid mem access 'inv'\n", "guard.c", script);
    EXPECT_EQ(end.line, 4);
}

TEST(VerifierLog, LinesOfHeadersAreNotTheScripts) {
    const auto end =
        end_of_verifier_log("; *p = 1; @ guard.c:4\n1: (b7) r0 = 0\n; long x; @ script_run.h:99\n"
                            "2: (85) call bpf_loop#181\nhelper call might sleep in a non-sleepable prog\n",
                            "guard.c", script);
    EXPECT_EQ(end.line, 4);
    EXPECT_EQ(end.call, "bpf_loop");
}

TEST(VerifierLog, LostPatienceInTheMiddleOfALine) {
    const auto end = end_of_verifier_log(
        "; *p = 1; @ guard.c:4\n"
        "54: (5d) if r5 != r4 goto pc-6 BPF program is too large. Processed 1000001 insn\n",
        "guard.c", script);
    EXPECT_TRUE(end.sentence.starts_with("BPF program is too large"));
}

TEST(VerifierLog, WhatIsNoObjectionIsNone) {
    EXPECT_TRUE(end_of_verifier_log("", "guard.c", script).sentence.empty());
    EXPECT_TRUE(
        end_of_verifier_log("func#0 @0\nsomething\n3: (95) exit\n", "guard.c", script).sentence.empty());
}

TEST(VerifierRules, SayWhatToWriteInstead) {
    EXPECT_NE(rule_in_words("R0 invalid mem access 'map_value_or_null'", "").what.find("NULL"),
              std::string::npos);
    EXPECT_NE(rule_in_words("helper call might sleep in a non-sleepable prog", "bpf_copy_from_user")
                  .what.find("bpf_copy_from_user"),
              std::string::npos);
    EXPECT_TRUE(rule_in_words("something new", "").what.empty());
}

TEST(LineOfText, CountsFromOne) {
    EXPECT_EQ(line_of_text("a\n  b \nc", 2), "b");
    EXPECT_EQ(line_of_text("a\nb\nc", 3), "c");
    EXPECT_EQ(line_of_text("a\nb", 3), "");
}

} // namespace
} // namespace stakeout
