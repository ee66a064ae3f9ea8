// Verdict first, then the evidence with hit numbers, then what was not covered and what to do next: as it can
// be pasted into an incident.
#include "base/printable.h"
#include "tools/output/diagnosis_output.h"
#include "tools/output/frame_text.h"
#include "tools/output/script_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iterator>

namespace stakeout {
namespace {

std::string_view headline(Verdict verdict) {
    switch (verdict) {
    case Verdict::Culprit:
        return "CULPRIT";
    case Verdict::Clean:
        return "NOTHING FOUND";
    case Verdict::NotEnough:
        break;
    }
    return "NOT ENOUGH EVIDENCE";
}

std::string_view colour_of(Verdict verdict) {
    switch (verdict) {
    case Verdict::Culprit:
        return "\033[1;31m";
    case Verdict::Clean:
        return "\033[1;32m";
    case Verdict::NotEnough:
        break;
    }
    return "\033[1;33m";
}

std::string hit_numbers(const std::vector<std::uint64_t>& hits) {
    std::string text;
    for (const std::uint64_t hit : hits) text += fmt::format("{}#{}", text.empty() ? "" : " ", hit);
    return text.empty() ? text : " [" + text + "]";
}

// Names are printed beside the stack: "user    main+0x1f".
void append_stack(std::string& to, const TitledStack& stack, const std::string& indent) {
    bool first = true;
    for (const Frame& frame : stack.frames) {
        if (first)
            fmt::format_to(std::back_inserter(to), "{}{:<8}", indent, printable(stack.title));
        else
            to += indent + std::string(std::max<std::size_t>(8, stack.title.size()), ' ');
        append_frame(to, frame, stack.user);
        to += '\n';
        first = false;
    }
}

void append_evidence(std::string& to, const Evidence& evidence, std::size_t depth) {
    const std::string indent(2 + 4 * depth, ' ');
    to += fmt::format("{}{}{}\n", indent, printable(evidence.says), hit_numbers(evidence.hits));
    const std::string inner = indent + "    ";
    for (const TitledStack& stack : evidence.stacks) append_stack(to, stack, inner);
    for (const Snapshot& snapshot : evidence.memory) append_snapshot(to, snapshot, inner);
    for (const Evidence& below : evidence.under) append_evidence(to, below, depth + 1);
}

void append_list(std::string& to, std::string_view title, const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    to += fmt::format("{}\n", title);
    for (const std::string& line : lines) to += fmt::format("  - {}\n", printable(line));
}

} // namespace

std::string diagnosis_text(const Diagnosis& diagnosis, bool colour) {
    std::string to =
        fmt::format("{}{}{}  {}\n", colour ? colour_of(diagnosis.verdict) : "", headline(diagnosis.verdict),
                    colour ? "\033[0m" : "", printable(diagnosis.sentence));
    if (!diagnosis.evidence.empty()) to += "Evidence\n";
    for (const Evidence& evidence : diagnosis.evidence) append_evidence(to, evidence, 0);
    if (!diagnosis.covered.says.empty())
        to += fmt::format("Covered\n  {}\n", printable(diagnosis.covered.says));
    append_list(to, "Not covered", diagnosis.not_covered);
    append_list(to, "Next", diagnosis.next);
    return to;
}

} // namespace stakeout
