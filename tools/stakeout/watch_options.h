// The command line of `stakeout watch`, as typed and as checked.
#pragma once

#include "base/result.h"
#include "tools/options/access_flags.h"
#include "tools/stakeout/keep_options.h"
#include "tools/stakeout/script_options.h"
#include "watchpoints/arm/watch.h"
#include "watchpoints/target/resolver.h"

#include <CLI/CLI.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

struct WatchOptions {
    std::vector<std::string> symbols, objects, addresses, program;
    std::string type, via, vmlinux;
    std::string length, ttl = "10m", count, max_rate, stack_depth, format = "text", colour = "auto";
    std::optional<int> pid;
    AccessFlags accesses;
    bool no_brake = false, no_stack = false, no_kernel = false;
    ScriptOptions script;
    KeepOptions keep;
};

void add_watch_options(CLI::App& command, WatchOptions& options);

// What the options ask for, apart from the targets' addresses.
struct CheckedOptions {
    TargetQuery targets;
    WatchRequest request; // without targets
    KeepChoice keep;
    std::unique_ptr<WatchListener> sink;
};
Result<CheckedOptions> check_options(const WatchOptions& options);

} // namespace stakeout
