#include "tools/output/diagnosis_output.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stakeout {
namespace {

Diagnosis example() {
    Diagnosis d;
    d.recipe = "deadlock";
    d.target = "a b";
    d.verdict = Verdict::Culprit;
    d.kind = "cycle";
    d.sentence = "f holds \x1b[31ma";
    d.culprits.push_back({"f", "m", "f.c", 7, "task\xff", 1, 2, "took it"});
    Evidence holder;
    holder.kind = "holder";
    holder.says = "f took a";
    holder.hits = {3, 9};
    holder.facts = {{"count", std::uint64_t{18446744073709551615U}},
                    {"net", std::int64_t{-1}},
                    {"sure", true},
                    {"word", std::string("x")}};
    Frame frame;
    frame.symbol = "f;g";
    frame.ip = 0x10;
    holder.stacks.push_back({"user", {frame, frame}, true, 4096});
    holder.memory.push_back({0x1000, false, {1, 2}});
    holder.under.push_back({"pattern", "text", {}, {}, {}, {}, {}});
    d.evidence.push_back(holder);
    d.covered = {"coverage", "all of it", {}, {}, {}, {}, {}};
    d.not_covered = {"devices"};
    d.next = {"stakeout slots"};
    d.graph = WaitGraph{{{"task 1", "t \"1\"", WaitGraph::Node::Kind::Task, true},
                         {"lock 0x1", "a", WaitGraph::Node::Kind::Lock, true}},
                        {{"task 1", "lock 0x1", WaitGraph::Edge::Kind::WaitsFor, true},
                         {"lock 0x1", "task 1", WaitGraph::Edge::Kind::HeldBy, true}}};
    return d;
}

TEST(DiagnosisOutput, JsonHasEverythingInOneLine) {
    const std::string text = diagnosis_json(example());
    EXPECT_EQ(text.find('\n'), text.size() - 1);
    const auto json = nlohmann::json::parse(text);
    EXPECT_EQ(json["verdict"], "culprit");
    EXPECT_EQ(json["culprits"][0]["function"], "f");
    EXPECT_EQ(json["culprits"][0]["line"], 7);
    const auto& evidence = json["evidence"][0];
    EXPECT_EQ(evidence["hits"], nlohmann::json({3, 9}));
    EXPECT_EQ(evidence["facts"]["count"], 18446744073709551615U);
    EXPECT_EQ(evidence["facts"]["net"], -1);
    EXPECT_EQ(evidence["stacks"][0]["frames"].size(), 2U);
    EXPECT_EQ(evidence["memory"][0]["bytes"], "0102");
    EXPECT_EQ(evidence["under"][0]["kind"], "pattern");
    EXPECT_EQ(json["graph"]["edges"][0]["kind"], "waits_for");
    EXPECT_EQ(json["not_covered"][0], "devices");
}

TEST(DiagnosisOutput, TextBeginsWithTheVerdictAndHidesNoEscapes) {
    const std::string text = diagnosis_text(example(), false);
    EXPECT_TRUE(text.starts_with("CULPRIT  f holds \\x1b[31ma\n")) << text;
    EXPECT_NE(text.find("f took a [#3 #9]"), std::string::npos);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    for (const char* part : {"Covered\n  all of it", "Not covered\n  - devices", "Next\n  - stakeout slots"})
        EXPECT_NE(text.find(part), std::string::npos) << part;
}

TEST(DiagnosisOutput, DotIsQuoted) {
    const std::string dot = diagnosis_dot(example());
    EXPECT_NE(dot.find("\"task 1\" [label=\"t \\\"1\\\"\", shape=box, color=red];"), std::string::npos)
        << dot;
    EXPECT_NE(dot.find("\"task 1\" -> \"lock 0x1\" [label=\"waits for\", color=red];"), std::string::npos)
        << dot;
}

TEST(DiagnosisOutput, FoldedHasTheWeightedStacks) {
    EXPECT_EQ(diagnosis_folded(example()), "f:g;f:g 4096\n");
}

} // namespace
} // namespace stakeout
