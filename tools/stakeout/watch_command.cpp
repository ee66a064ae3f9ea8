// `stakeout watch`: resolve, arm, show, end.
#include "base/owned_fd.h"
#include "loader/object_finder.h"
#include "tools/output/sinks.h"
#include "tools/stakeout/commands.h"
#include "tools/stakeout/failure.h"
#include "tools/stakeout/slot_holders.h"
#include "tools/stakeout/watch_options.h"
#include "watchpoints/arm/warm_up.h"
#include "watchpoints/hit/instruction.h"
#include "watchpoints/target/launcher.h"

#include <fmt/format.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>

namespace stakeout {
namespace {

// Ctrl-C, kill and a closed terminal end a watch in order, with its summary.
Result<OwnedFd> catch_signals() {
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&signals, signal);
    if (::sigprocmask(SIG_BLOCK, &signals, nullptr) != 0)
        return internal_error("block signals", "the kernel refused", errno);
    OwnedFd fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd) return internal_error("catch signals", "no signalfd", errno);
    return fd;
}

std::vector<std::uint64_t> addresses_in_text(std::uint64_t start, std::size_t size, const KernelPeek& peek) {
    const CodeReader code = [&peek](std::uint64_t address, std::span<std::uint8_t> into) -> std::size_t {
        return peek.read(address, into) ? into.size() : 0;
    };
    std::vector<std::uint64_t> addresses;
    for (const DataReference& reference : data_references(start, size, code))
        addresses.push_back(reference.address);
    return addresses;
}

std::unique_ptr<WatchListener> make_sink(const CheckedOptions& checked) {
    switch (checked.format) {
    case Format::Json:
        return make_json_sink(STDOUT_FILENO);
    case Format::Folded:
        return make_folded_sink(STDOUT_FILENO, STDERR_FILENO);
    case Format::Text:
        break;
    }
    return make_text_sink(STDOUT_FILENO, STDERR_FILENO, {checked.colour});
}

int exit_status(const Summary& summary, bool program_is_ours) {
    if (summary.ended_by == EndedBy::Target && !program_is_ours) return lost_target("", "").exit_status();
    return summary.ended_by == EndedBy::Failure ? internal_error("", "").exit_status() : 0;
}

int run_watch(const WatchOptions& options, std::chrono::steady_clock::time_point process_start) {
    auto checked = check_options(options);
    if (!checked) return fail(checked.error());
    std::optional<LaunchedProgram> program;
    if (!options.program.empty()) {
        auto launched = LaunchedProgram::start(options.program);
        if (!launched) return fail(launched.error());
        program.emplace(std::move(*launched));
        checked->targets.pid = program->pid();
    }
    auto signals = catch_signals(); // after the program was started: it keeps its own
    if (!signals) return fail(signals.error());
    auto warm_up = std::make_shared<WarmUp>(); // its threads leave the signals to us
    auto resolution = resolve(checked->targets, addresses_in_text);
    if (!resolution) return fail(resolution.error());

    WatchRequest& request = checked->request;
    request.targets = std::move(resolution->targets);
    request.process = resolution->process;
    request.process_is_ours = program.has_value();
    request.objects = std::move(resolution->objects);
    request.process_start = process_start;
    request.warm_up = std::move(warm_up);
    std::vector<std::string> notices;
    if (auto applied = apply_script_options(options.script, *resolution, request, notices); !applied)
        return fail(applied.error());
    request.kernel_symbols = resolution->symbols.get();
    resolution->types.reset(); // ten megabytes that nobody asks any more
    for (const std::string& notice : notices) fmt::print(stderr, "stakeout: {}\n", notice);
    auto watch = Watch::arm(std::move(request));
    if (!watch) {
        Error error = std::move(watch).error();
        if (error.errno_value == ENOSPC) name_slot_holders(error);
        return fail(error);
    }
    if (program)
        if (auto running = program->let_go(); !running) return fail(running.error());
    const auto sink = make_sink(*checked);
    const Summary summary = (*watch)->run(*sink, signals->get());
    if (program) ::waitpid(program->pid(), nullptr, WNOHANG);
    return exit_status(summary, program.has_value());
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
