// `stakeout check`: compiles a script, looks at it, has the kernel's verifier look at it; attaches nothing.
#include "tools/stakeout/commands.h"
#include "tools/stakeout/failure.h"
#include "tools/stakeout/script_options.h"

#include "watchpoints/arm/stages.h"
#include "watchpoints/target/code_ranges.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

namespace stakeout {
namespace {

struct CheckOptions {
    std::string script;
    std::vector<std::string> parameters;
    std::string verifier_log;
};

Result<ScriptPlan> plan_of(const CheckOptions& options) {
    std::vector<std::string> notices;
    auto plan = plan_script(options.script, options.parameters, options.verifier_log, notices);
    for (const std::string& notice : notices) fmt::print(stderr, "stakeout: {}\n", notice);
    if (!plan) return plan;
    auto ranges = std::make_shared<CodeRanges>(nullptr, std::nullopt);
    plan->functions = [ranges](std::string_view name) -> Result<TextRange> {
        auto found = ranges->find(name);
        // It may be one of the process that will be watched.
        return found ? TextRange{found->front().start, found->front().end} : TextRange{};
    };
    return plan;
}

void tell(const ScriptProgram& script, const ScriptPlan& plan) {
    std::string parts = script.is_foreign() ? "perf_event programs, run after each hit" : "on_hit";
    if (script.has_followup()) parts += ", on_followup";
    if (script.has_task_look()) parts += ", on_task";
    fmt::print("{}: fine: {}\n", plan.name, parts);
    if (!script.fields().empty()) {
        fmt::print("  fields:");
        for (const ScriptFieldLayout& field : script.fields()) fmt::print(" {}", field.name);
        fmt::print("\n");
    }
    for (const std::string& name : script.left_out()) fmt::print("  not attached by stakeout: {}\n", name);
    for (const Finding& finding : plan.findings)
        fmt::print("  line {}: {} [{}]{}{}\n", finding.line, finding.text, finding.rule,
                   finding.instead.empty() ? "" : "; ", finding.instead);
}

int run_check(const CheckOptions& options) {
    auto plan = plan_of(options);
    if (!plan) return fail(plan.error());
    auto stages = Stages::open({}, &*plan);
    if (!stages) return fail(stages.error());
    HitProgramConfig config;
    config.region_size[0] = 8;
    (*stages)->configure(config);
    auto hit_program = HitProgram::load(config);
    if (!hit_program) return fail(hit_program.error());
    if (auto joined = (*stages)->join(**hit_program, {}, &*plan, {}); !joined) return fail(joined.error());
    tell(*(*stages)->script(), *plan);
    return 0;
}

} // namespace

Command add_check_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand("check", "Compile and verify a monitor script; attach nothing");
    auto options = std::make_shared<CheckOptions>();
    command->add_option("script", options->script, "C source, or a compiled object")->required();
    command->add_option("--param", options->parameters,
                        "Parameter of the script, NAME=VALUE; may be repeated");
    command->add_option("--verifier-log", options->verifier_log,
                        "File for the kernel verifier's whole log of a refused script");
    command->footer("Examples:\n  stakeout check guard.c --param high=9\nManual: man stakeout-check");
    return {command, [options] { return run_check(*options); }};
}

} // namespace stakeout
