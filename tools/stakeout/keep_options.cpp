#include "tools/stakeout/keep_options.h"

#include "keeper/run_folder.h"
#include "tools/options/duration.h"

namespace stakeout {

void add_keep_options(CLI::App& command, KeepOptions& o) {
    const char* life = "How it lives on";
    command
        .add_flag("--detach,-d", o.detach,
                  "Return once armed, and print the name; the watch lives on by itself")
        ->group(life);
    command.add_option("--name", o.name, "What other commands call it; without one, by its id")->group(life);
    command
        .add_option("--notify", o.notify,
                    "Shell command for notices and the end; STAKEOUT_EVENT and STAKEOUT_TEXT tell it")
        ->group(life);
    o.wait_option = command
                        .add_option("--wait", o.wait,
                                    "Where no slot is free, queue for one, at most that long (--wait=10m)")
                        ->expected(0, 1)
                        ->group(life);
}

Result<KeepChoice> check_keep_options(const KeepOptions& o) {
    KeepChoice choice;
    if (!o.name.empty())
        if (auto fine = check_watch_name(o.name); !fine) return std::move(fine).error();
    if (o.wait_option->count() == 0) return choice;
    if (o.wait.empty() || o.wait == "true") {
        choice.wait = std::chrono::nanoseconds::max();
        return choice;
    }
    auto patience = parse_duration(o.wait);
    if (!patience) return std::move(patience).error();
    choice.wait = *patience;
    return choice;
}

} // namespace stakeout
