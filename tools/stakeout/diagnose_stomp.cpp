// `stakeout diagnose stomp`: memory overwritten by the wrong code.
#include "scripts/stomp/stomp_recipe.h"
#include "tools/options/duration.h"
#include "tools/stakeout/diagnose_options.h"
#include "tools/stakeout/diagnose_recipes.h"
#include "tools/stakeout/failure.h"

namespace stakeout {
namespace {

constexpr const char* formats = "text or json";

struct StompOptions {
    DiagnoseOptions common;
    std::vector<std::string> writers;
    std::string learn, valid;
    bool never_changes = false;
};

Result<StompRule> check_rule(const StompOptions& o) {
    StompRule rule;
    rule.writers = o.writers;
    rule.valid = o.valid;
    rule.never_changes = o.never_changes;
    if (!o.learn.empty()) {
        auto learn = parse_duration(o.learn);
        if (!learn) return std::move(learn).error();
        rule.learn = *learn;
    }
    return rule;
}

int run_stomp(const StompOptions& options, std::chrono::steady_clock::time_point process_start) {
    auto output = check_output(options.common, formats);
    if (!output) return fail(output.error());
    auto rule = check_rule(options);
    if (!rule) return fail(rule.error());
    auto plan = plan_session(options.common);
    if (!plan) return fail(plan.error());
    plan->request.process_start = process_start;
    std::unique_ptr<StompRecipe> recipe;
    plan->prepare = [&](Resolution& resolution, WatchRequest& request) -> Status {
        auto prepared = StompRecipe::prepare(*rule, resolution, request);
        if (!prepared) return std::move(prepared).error();
        recipe = std::move(*prepared);
        return done();
    };
    return run_recipe(std::move(*plan), options.common, *output, [&] { return std::move(recipe); });
}

} // namespace

Command add_diagnose_stomp(CLI::App& diagnose, std::chrono::steady_clock::time_point process_start,
                           const std::vector<std::string>& program) {
    CLI::App* command = diagnose.add_subcommand("stomp", "Memory overwritten by the wrong code: who did it");
    auto options = std::make_shared<StompOptions>();
    options->common.program = program;
    add_target_options(*command, options->common, "TARGET", 1,
                       "Symbol, task(PID)->FIELD, file(PID,FD)->FIELD, address or range");
    const char* legitimate = "Which writes are legitimate";
    command->add_option("--writers", options->writers, "Those by these functions; MODULE: is all of a module")
        ->delimiter(',')
        ->group(legitimate);
    command->add_option("--learn", options->learn, "Those by whoever writes in the first so long: 10s")
        ->group(legitimate);
    command
        ->add_option("--valid", options->valid,
                     "Those for which this C expression is not 0: 'new >= 0 && new < 64'")
        ->group(legitimate);
    command->add_flag("--never-changes", options->never_changes, "None that changes the value")
        ->group(legitimate);
    add_limit_options(*command, options->common);
    add_diagnosis_output_options(*command, options->common, formats);
    command->footer("Examples:\n"
                    "  stakeout diagnose stomp balance --writers deposit,withdraw -- ./ledger\n"
                    "  stakeout diagnose stomp my_module:state --learn 10s\n"
                    "  stakeout diagnose stomp 'task(1234)->exit_signal' --never-changes\n"
                    "Manual: man stakeout-diagnose-stomp");
    return {command, [options, process_start] { return run_stomp(*options, process_start); }};
}

} // namespace stakeout
