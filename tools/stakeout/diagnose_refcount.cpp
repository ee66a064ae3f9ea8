// `stakeout diagnose refcount`: gets and puts that do not match.
#include "scripts/refcount/refcount_recipe.h"
#include "tools/stakeout/diagnose_options.h"
#include "tools/stakeout/diagnose_recipes.h"
#include "tools/stakeout/diagnose_refcount_all_of.h"
#include "tools/stakeout/failure.h"

namespace stakeout {
namespace {

constexpr const char* formats = "text or json";

struct RefcountOptions {
    DiagnoseOptions common;
    AllOfOptions all_of;
    std::string kind;
};

Result<std::optional<CountKind>> count_kind(const std::string& text) {
    if (text.empty()) return std::optional<CountKind>();
    if (text == "refcount") return std::optional(CountKind::Refcount);
    if (text == "count") return std::optional(CountKind::Count);
    return usage_error("use --kind " + text, "it is neither refcount nor count",
                       "refcount: zero is the end of the object's life; count: zero is a value like others");
}

int run_refcount(const RefcountOptions& options, std::chrono::steady_clock::time_point process_start) {
    auto output = check_output(options.common, formats);
    if (!output) return fail(output.error());
    auto kind = count_kind(options.kind);
    if (!kind) return fail(kind.error());
    if (auto fine = check_all_of(options.common, options.all_of); !fine) return fail(fine.error());
    if (options.all_of.asked())
        return run_all_of(options.common, options.all_of, *kind, *output, process_start);
    auto plan = plan_session(options.common);
    if (!plan) return fail(plan.error());
    plan->request.process_start = process_start;
    return run_recipe(std::move(*plan), options.common, *output,
                      [&] { return std::make_unique<RefcountRecipe>(*kind); });
}

} // namespace

Command add_diagnose_refcount(CLI::App& diagnose, std::chrono::steady_clock::time_point process_start,
                              const std::vector<std::string>& program) {
    CLI::App* command =
        diagnose.add_subcommand("refcount", "Gets and puts that do not match: which path drifts");
    auto options = std::make_shared<RefcountOptions>();
    options->common.program = program;
    add_target_options(*command, options->common, "TARGET", 1,
                       "The counter: symbol, task(PID)->FIELD, file(PID,FD)->FIELD, address");
    command->get_option("TARGET")->required(false);
    command
        ->add_option("--kind", options->kind,
                     "refcount (zero ends the object's life) or count; where the type does not tell")
        ->group("What to look at");
    add_all_of_options(*command, options->all_of);
    add_limit_options(*command, options->common);
    add_diagnosis_output_options(*command, options->common, formats);
    command->footer(
        "Examples:\n"
        "  stakeout diagnose refcount session_refs --kind refcount -- ./server\n"
        "  stakeout diagnose refcount 'task(1234)->mm->mm_users'\n"
        "  stakeout diagnose refcount 'file(1234,3)->f_count'\n"
        "  stakeout diagnose refcount --all-of session --born-by session_new --at 8 --len 4 -- ./server\n"
        "  stakeout diagnose refcount --all-of 'struct mm_struct.mm_users'\n"
        "Manual: man stakeout-diagnose-refcount");
    return {command, [options, process_start] { return run_refcount(*options, process_start); }};
}

} // namespace stakeout
