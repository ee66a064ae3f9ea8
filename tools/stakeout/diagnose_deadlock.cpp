// `stakeout diagnose deadlock`: who holds these locks, who waits, and does anybody wait in a circle?
#include "scripts/deadlock/deadlock_recipe.h"
#include "scripts/deadlock/lock_targets.h"
#include "tools/options/duration.h"
#include "tools/stakeout/diagnose_options.h"
#include "tools/stakeout/diagnose_recipes.h"
#include "tools/stakeout/failure.h"

namespace stakeout {
namespace {

constexpr const char* formats = "text, json or dot";

struct DeadlockOptions {
    DiagnoseOptions common;
    std::string kind, held_longer_than = "5s";
    bool once = false;
};

Result<DeadlockRule> check_rule(const DeadlockOptions& o) {
    DeadlockRule rule;
    rule.once = o.once;
    rule.read_stdin = o.common.program.empty(); // it is the program's, otherwise
    if (!o.kind.empty()) {
        auto kind = parse_lock_kind(o.kind);
        if (!kind) return std::move(kind).error();
        rule.kind = *kind;
    }
    auto held = parse_duration(o.held_longer_than);
    if (!held) return std::move(held).error();
    if (*held < std::chrono::milliseconds(100))
        return usage_error("use --held-longer-than " + o.held_longer_than, "it must be at least 100ms",
                           "shorter holdings show in `stakeout watch`");
    rule.held_longer_than = *held;
    return rule;
}

int run_deadlock(const DeadlockOptions& options, std::chrono::steady_clock::time_point process_start) {
    auto output = check_output(options.common, formats);
    if (!output) return fail(output.error());
    auto rule = check_rule(options);
    if (!rule) return fail(rule.error());
    auto plan = plan_session(options.common);
    if (!plan) return fail(plan.error());
    plan->request.process_start = process_start;
    // A lock is named as a whole; which word of it is watched is the recipe's to say.
    if (!plan->targets.length) plan->targets.length = lock_query_bytes;
    std::unique_ptr<DeadlockRecipe> recipe;
    plan->prepare = [&](Resolution&, WatchRequest& request) -> Status {
        auto prepared = DeadlockRecipe::prepare(*rule, request);
        if (!prepared) return std::move(prepared).error();
        recipe = std::move(*prepared);
        return done();
    };
    return run_recipe(std::move(*plan), options.common, *output, [&] { return std::move(recipe); });
}

} // namespace

Command add_diagnose_deadlock(CLI::App& diagnose, std::chrono::steady_clock::time_point process_start,
                              const std::vector<std::string>& program) {
    CLI::App* command =
        diagnose.add_subcommand("deadlock", "Locks that are not released: who holds them, who waits");
    auto options = std::make_shared<DeadlockOptions>();
    options->common.program = program;
    add_target_options(*command, options->common, "LOCK", 4,
                       "The lock as a whole: symbol, task(PID)->FIELD, file(PID,FD)->FIELD or address");
    const char* locks = "Locks";
    command
        ->add_option(
            "--kind", options->kind,
            "mutex, rwsem, spinlock, semaphore, pthread_mutex, pthread_rwlock, std_mutex or futex, where its "
            "type does not tell")
        ->group(locks);
    command
        ->add_option("--held-longer-than", options->held_longer_than,
                     "Report who holds for so long with others waiting")
        ->capture_default_str()
        ->group(locks);
    command->add_flag("--once", options->once, "End with the first culprit")->group(locks);
    add_limit_options(*command, options->common);
    add_diagnosis_output_options(*command, options->common, formats);
    command->footer("Reports at once on SIGUSR1, or on Enter where no program was started.\n"
                    "Examples:\n"
                    "  stakeout diagnose deadlock lock_a lock_b --held-longer-than 1s -- ./program\n"
                    "  stakeout diagnose deadlock --pid 1234 queue_mutex\n"
                    "  stakeout diagnose deadlock my_module:my_mutex --kind mutex\n"
                    "  stakeout diagnose deadlock 0xffff888012345678 --kind rwsem\n"
                    "Manual: man stakeout-diagnose-deadlock");
    return {command, [options, process_start] { return run_deadlock(*options, process_start); }};
}

} // namespace stakeout
