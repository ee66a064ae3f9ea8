// `stakeout watch`: resolve, arm, show, end.
#include "tools/stakeout/commands.h"
#include "tools/stakeout/failure.h"
#include "tools/stakeout/watch_options.h"
#include "tools/stakeout/watch_session.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

namespace stakeout {
namespace {

int exit_status(const Summary& summary, bool program_is_ours) {
    if (summary.ended_by == EndedBy::Target && !program_is_ours) return lost_target("", "").exit_status();
    return summary.ended_by == EndedBy::Failure ? internal_error("", "").exit_status() : 0;
}

int run_watch(const WatchOptions& options, std::chrono::steady_clock::time_point process_start) {
    auto checked = check_options(options);
    if (!checked) return fail(checked.error());
    SessionPlan plan;
    plan.targets = std::move(checked->targets);
    plan.request = std::move(checked->request);
    plan.request.process_start = process_start;
    plan.program = options.program;
    plan.prepare = [&options](Resolution& resolution, WatchRequest& request) -> Status {
        std::vector<std::string> notices;
        if (auto applied = apply_script_options(options.script, resolution, request, notices); !applied)
            return applied;
        for (const std::string& notice : notices) fmt::print(stderr, "stakeout: {}\n", notice);
        return done();
    };
    auto session = WatchSession::start(std::move(plan));
    if (!session) return fail(session.error());
    return exit_status((*session)->run(*checked->sink), !options.program.empty());
}

} // namespace

Command add_watch_command(CLI::App& app, std::chrono::steady_clock::time_point process_start) {
    CLI::App* command = app.add_subcommand("watch", "Catch every access to a piece of memory, on every CPU");
    auto options = std::make_shared<WatchOptions>();
    add_watch_options(*command, *options);
    command->footer("Examples:\n"
                    "  stakeout watch --symbol jiffies_64 --rw --count 5\n"
                    "  stakeout watch --symbol 'init_task.signal->nr_threads'\n"
                    "  stakeout watch --object 'task(1234)->clear_child_tid'\n"
                    "  stakeout watch --addr 0xffff888012345678 --len 8\n"
                    "  stakeout watch --pid 1234 --symbol counter\n"
                    "  stakeout watch --symbol counter --rw -- ./program args\n"
                    "Manual: man stakeout-watch");
    return {command, [options, process_start] { return run_watch(*options, process_start); }};
}

} // namespace stakeout
