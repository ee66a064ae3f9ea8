// `stakeout diagnose NAME`: the recipes.
#include "tools/stakeout/commands.h"
#include "tools/stakeout/diagnose_recipes.h"

namespace stakeout {

Command add_diagnose_command(CLI::App& app, std::chrono::steady_clock::time_point process_start,
                             const std::vector<std::string>& program) {
    CLI::App* command = app.add_subcommand("diagnose", "Find the culprit of a known kind of trouble");
    command->require_subcommand(1);
    auto recipes = std::make_shared<std::vector<Command>>();
    recipes->push_back(add_diagnose_stomp(*command, process_start, program));
    recipes->push_back(add_diagnose_deadlock(*command, process_start, program));
    recipes->push_back(add_diagnose_refcount(*command, process_start, program));
    recipes->push_back(add_diagnose_leak(*command, program));
    command->footer("Examples:\n"
                    "  stakeout diagnose stomp balance --writers deposit,withdraw -- ./ledger\n"
                    "  stakeout diagnose deadlock lock_a lock_b --held-longer-than 1s -- ./bank\n"
                    "  stakeout diagnose refcount session_refs --kind refcount -- ./server\n"
                    "  stakeout diagnose leak --pid 1234\n"
                    "Manual: man stakeout-diagnose");
    return {command, [recipes] {
                for (const Command& recipe : *recipes)
                    if (recipe.app->parsed()) return recipe.run();
                return 2;
            }};
}

} // namespace stakeout
