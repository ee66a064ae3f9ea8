// `stakeout doctor`: what this kernel and machine can do, each finding with its consequence and its remedy.
#include "tools/stakeout/commands.h"
#include "tools/stakeout/failure.h"
#include "watchpoints/arm/examination.h"

#include "base/result.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>

namespace stakeout {
namespace {

std::string_view to_word(Verdict verdict) {
    switch (verdict) {
    case Verdict::Good:
        return "ok";
    case Verdict::Limited:
        return "limited";
    case Verdict::Missing:
        break;
    }
    return "missing";
}

// Long texts under their heading, broken between words.
void print_wrapped(std::string_view title, std::string_view text) {
    constexpr std::size_t width = 84;
    bool first = true;
    while (!text.empty()) {
        std::size_t length = std::min(width, text.size());
        if (length < text.size()) {
            const std::size_t space = text.rfind(' ', length);
            if (space != std::string_view::npos && space > 0) length = space;
        }
        fmt::print("        {:<6}{}\n", first ? title : "", text.substr(0, length));
        text.remove_prefix(length);
        while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
        first = false;
    }
}

void print_text(const std::vector<MachineFinding>& findings) {
    for (const MachineFinding& finding : findings) {
        fmt::print("{:<8}{}: {}\n", to_word(finding.verdict), finding.subject, finding.found);
        print_wrapped("so", finding.consequence);
        print_wrapped("do", finding.remedy);
    }
}

void print_json(const std::vector<MachineFinding>& findings, bool ready) {
    nlohmann::ordered_json document{
        {"v", 1}, {"type", "doctor"}, {"ready", ready}, {"findings", nlohmann::ordered_json::array()}};
    for (const MachineFinding& finding : findings) {
        nlohmann::ordered_json one{
            {"subject", finding.subject}, {"verdict", to_word(finding.verdict)}, {"found", finding.found}};
        if (!finding.consequence.empty()) one["consequence"] = finding.consequence;
        if (!finding.remedy.empty()) one["remedy"] = finding.remedy;
        document["findings"].push_back(std::move(one));
    }
    fmt::print("{}\n", document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

int run_doctor(const std::string& format) {
    if (format != "text" && format != "json") {
        return fail(usage_error("use --output " + format, "it is none of text and json"));
    }
    const std::vector<MachineFinding> findings = examine_machine();
    const bool ready = std::none_of(findings.begin(), findings.end(), [](const MachineFinding& finding) {
        return finding.verdict == Verdict::Missing;
    });
    if (format == "json")
        print_json(findings, ready);
    else
        print_text(findings);
    return ready ? 0 : arm_error("", "").exit_status();
}

} // namespace

Command add_doctor_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "doctor", "Say what this kernel and machine can do, and what to do about the rest");
    auto format = std::make_shared<std::string>("text");
    command->add_option("--output,-o", *format, "text or json")->capture_default_str();
    command->footer("Exit status 3: a watch could not be armed here.\nManual: man stakeout-doctor");
    return {command, [format] { return run_doctor(*format); }};
}

} // namespace stakeout
