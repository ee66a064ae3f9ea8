// The options that decide which hits are wanted: --when, --changed, --only-from, --script and the like; as
// typed, and what the watch is asked for.
#pragma once

#include "base/result.h"
#include "watchpoints/arm/watch.h"
#include "watchpoints/target/resolver.h"

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace stakeout {

struct ScriptOptions {
    std::string when, only_from, not_from, comm_match, stack_match;
    bool changed = false;
    std::string script;
    std::vector<std::string> parameters; // NAME=VALUE
    std::string follow_up = "auto";
    std::string verifier_log;
};

void add_script_options(CLI::App& command, ScriptOptions& options);

// A script read, compiled and told its parameters; its functions() are the caller's business. For `stakeout
// check` too. Errors: those of read_script(); a parameter that is not NAME=VALUE (Usage).
Result<ScriptPlan> plan_script(const std::string& path, const std::vector<std::string>& parameters,
                               const std::string& verifier_log, std::vector<std::string>& notices);

// What can be told before the targets are known. Error (Usage).
Status check_script_options(const ScriptOptions& options);

// Fills in request.rules and request.script, for request.targets, which are resolved, and resolution.symbols
// where they had to be read. `notices` for the user.
Status apply_script_options(const ScriptOptions& options, Resolution& resolution, WatchRequest& request,
                            std::vector<std::string>& notices);

} // namespace stakeout
