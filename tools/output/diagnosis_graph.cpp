// The formats for other programs that draw: a wait-for graph for dot(1), weighted stacks for flame graphs.
#include "base/printable.h"
#include "tools/output/diagnosis_output.h"
#include "tools/output/folded_frame.h"

#include <fmt/format.h>

#include <ranges>

namespace stakeout {
namespace {

std::string quoted(std::string_view text) {
    std::string safe = "\"";
    for (const char c : printable(text)) {
        if (c == '"' || c == '\\') safe += '\\';
        safe += c;
    }
    return safe + '"';
}

void append_folded(std::string& to,
                   const Evidence& evidence) { // NOLINT(misc-no-recursion): as deep as recipes nest
    for (const TitledStack& stack : evidence.stacks) {
        if (stack.weight == 0) continue;
        std::string line;
        for (const Frame& frame : std::views::reverse(stack.frames))
            line +=
                fmt::format("{}{}{}", line.empty() ? "" : ";", frame_name(frame), stack.user ? "" : "_[k]");
        to += fmt::format("{} {}\n", line, stack.weight);
    }
    for (const Evidence& below : evidence.under) append_folded(to, below);
}

} // namespace

std::string diagnosis_dot(const Diagnosis& diagnosis) {
    std::string to = "digraph waits {\n  // " + printable(diagnosis.sentence) + "\n";
    const WaitGraph graph = diagnosis.graph.value_or(WaitGraph{});
    for (const auto& node : graph.nodes)
        to += fmt::format("  {} [label={}, shape={}{}];\n", quoted(node.id), quoted(node.label),
                          node.kind == WaitGraph::Node::Kind::Task ? "box" : "ellipse",
                          node.in_cycle ? ", color=red" : "");
    for (const auto& edge : graph.edges)
        to += fmt::format("  {} -> {} [label={}{}];\n", quoted(edge.from), quoted(edge.to),
                          edge.kind == WaitGraph::Edge::Kind::WaitsFor ? "\"waits for\"" : "\"held by\"",
                          edge.in_cycle ? ", color=red" : "");
    return to + "}\n";
}

std::string diagnosis_folded(const Diagnosis& diagnosis) {
    std::string to;
    for (const Evidence& evidence : diagnosis.evidence) append_folded(to, evidence);
    return to;
}

} // namespace stakeout
