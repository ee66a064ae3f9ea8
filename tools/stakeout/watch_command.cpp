// `stakeout watch`: resolve, arm, show, end.
#include "keeper/detach.h"
#include "keeper/keeper.h"
#include "keeper/service_manager.h"
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

// A watch in the foreground is found by others too, where it can be; one that was to be kept must be.
bool must_be_kept(const KeepOptions& options) {
    return options.detach || !options.name.empty() || !options.record.empty();
}

Result<std::unique_ptr<Keeper>> open_keeper(const KeepOptions& options, const KeepChoice& choice,
                                            WatchListener& sink) {
    Keeper::Settings settings;
    settings.name = options.name;
    settings.detached = options.detach;
    settings.notify = options.notify;
    settings.version = STAKEOUT_VERSION;
    settings.files = choice.files;
    settings.keeps_hits = must_be_kept(options);
    if (options.detach) settings.terminal = StartingTerminal::of_this_process();
    return Keeper::open(std::move(settings), sink);
}

SessionPlan plan_of(const WatchOptions& options, CheckedOptions& checked) {
    SessionPlan plan;
    plan.targets = std::move(checked.targets);
    plan.request = std::move(checked.request);
    plan.program = options.program;
    plan.wait_for_slots = checked.keep.wait;
    plan.survives_hangup = options.keep.detach;
    plan.request.kept = must_be_kept(options.keep);
    plan.prepare = [&options](Resolution& resolution, WatchRequest& request) -> Status {
        std::vector<std::string> notices;
        if (auto applied = apply_script_options(options.script, resolution, request, notices); !applied)
            return applied;
        for (const std::string& notice : notices) fmt::print(stderr, "stakeout: {}\n", notice);
        return done();
    };
    return plan;
}

int run_watch(const WatchOptions& options, std::chrono::steady_clock::time_point process_start) {
    auto checked = check_options(options);
    if (!checked) return fail(checked.error());
    std::unique_ptr<Detached> detached;
    if (options.keep.detach) {
        auto outcome = Detached::begin();
        if (!outcome) return fail(outcome.error());
        if (outcome->exit_status) return *outcome->exit_status;
        detached = std::move(outcome->detached);
    }
    auto keeper = open_keeper(options.keep, checked->keep, *checked->sink);
    if (!keeper && must_be_kept(options.keep)) return fail(keeper.error());
    SessionPlan plan = plan_of(options, *checked);
    plan.request.process_start = process_start;
    auto session = WatchSession::start(std::move(plan));
    if (!session) return fail(session.error());
    if (!keeper) return exit_status((*session)->run(*checked->sink), !options.program.empty());
    (*keeper)->when_ready([&detached](const WatchStatus& status) {
        if (detached) detached->ready(status.name);
        tell_service_manager(fmt::format("READY=1\nSTATUS=armed on {} of {} CPUs", status.cpus_armed.size(),
                                         status.cpus_online));
    });
    const Summary summary = (*session)->run(**keeper, keeper->get());
    session->reset(); // its programs are gone before anybody is told so
    (*keeper)->finish();
    return exit_status(summary, !options.program.empty());
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
                    "  stakeout watch --symbol my_state --ttl 2h --detach --name db-state\n"
                    "Manual: man stakeout-watch");
    return {command, [options, process_start] { return run_watch(*options, process_start); }};
}

} // namespace stakeout
