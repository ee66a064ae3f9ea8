#include "tools/output/diagnosis_output.h"
#include "tools/output/json_parts.h"

namespace stakeout {
namespace {

Json facts_of(const std::vector<Fact>& facts) {
    Json object = Json::object();
    for (const Fact& fact : facts)
        std::visit([&](const auto& value) { object[fact.name] = value; }, fact.value);
    return object;
}

Json stack_of(const TitledStack& stack) {
    Json one{{"title", stack.title},
             {"space", stack.user ? "user" : "kernel"},
             {"frames", frames_of(stack.frames)}};
    if (stack.weight != 0) one["weight"] = stack.weight;
    return one;
}

Json evidence_of(const Evidence& evidence) { // NOLINT(misc-no-recursion): as deep as recipes nest
    Json one{{"kind", evidence.kind}, {"says", evidence.says}};
    if (!evidence.hits.empty()) one["hits"] = evidence.hits;
    if (!evidence.facts.empty()) one["facts"] = facts_of(evidence.facts);
    for (const TitledStack& stack : evidence.stacks) one["stacks"].push_back(stack_of(stack));
    for (const Snapshot& snapshot : evidence.memory) one["memory"].push_back(snapshot_of(snapshot));
    for (const Evidence& below : evidence.under) one["under"].push_back(evidence_of(below));
    return one;
}

Json culprit_of(const Culprit& culprit) {
    Json one{{"function", culprit.function}};
    if (!culprit.module.empty()) one["module"] = culprit.module;
    if (!culprit.file.empty()) {
        one["file"] = culprit.file;
        one["line"] = culprit.line;
    }
    one["comm"] = culprit.comm;
    one["pid"] = culprit.pid;
    one["tid"] = culprit.tid;
    one["why"] = culprit.why;
    return one;
}

Json graph_of(const WaitGraph& graph) {
    Json nodes = Json::array();
    for (const auto& node : graph.nodes)
        nodes.push_back({{"id", node.id},
                         {"label", node.label},
                         {"kind", node.kind == WaitGraph::Node::Kind::Task ? "task" : "lock"},
                         {"in_cycle", node.in_cycle}});
    Json edges = Json::array();
    for (const auto& edge : graph.edges)
        edges.push_back({{"from", edge.from},
                         {"to", edge.to},
                         {"kind", edge.kind == WaitGraph::Edge::Kind::WaitsFor ? "waits_for" : "held_by"},
                         {"in_cycle", edge.in_cycle}});
    return {{"nodes", std::move(nodes)}, {"edges", std::move(edges)}};
}

} // namespace

std::string diagnosis_json(const Diagnosis& diagnosis) {
    Json document{{"v", 1},
                  {"type", "diagnosis"},
                  {"recipe", diagnosis.recipe},
                  {"target", diagnosis.target},
                  {"verdict", to_word(diagnosis.verdict)},
                  {"kind", diagnosis.kind},
                  {"sentence", diagnosis.sentence},
                  {"culprits", Json::array()},
                  {"evidence", Json::array()}};
    for (const Culprit& culprit : diagnosis.culprits) document["culprits"].push_back(culprit_of(culprit));
    for (const Evidence& evidence : diagnosis.evidence) document["evidence"].push_back(evidence_of(evidence));
    document["covered"] = evidence_of(diagnosis.covered);
    document["not_covered"] = diagnosis.not_covered;
    document["next"] = diagnosis.next;
    if (diagnosis.graph) document["graph"] = graph_of(*diagnosis.graph);
    // Names of tasks and symbols are bytes; what is not UTF-8 is replaced, never a reason to fail.
    return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace stakeout
