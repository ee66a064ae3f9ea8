// `stakeout diagnose leak`: memory that is allocated, never freed, and used by nobody.
#include "scripts/leak/leak.h"

#include "tools/options/duration.h"
#include "tools/options/end_signals.h"
#include "tools/output/sinks.h"
#include "tools/stakeout/diagnose_options.h"
#include "tools/stakeout/diagnose_recipes.h"
#include "tools/stakeout/failure.h"
#include "tools/stakeout/record_file.h"
#include "watchpoints/target/launcher.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>

#include <cerrno>

namespace stakeout {
namespace {

constexpr const char* formats = "text, json or folded";

struct LeakOptions {
    DiagnoseOptions common;
    std::string observe = "60s", idle = "60s", older;
    std::size_t top = 5;
    bool kernel = false, all_slots = false;
};

Status check_target(const LeakOptions& o) {
    const int given = (o.kernel ? 1 : 0) + (o.common.pid ? 1 : 0) + (o.common.program.empty() ? 0 : 1);
    if (given != 1)
        return usage_error("diagnose a leak",
                           given == 0 ? "nothing to look at was named" : "more than one was named",
                           "give --kernel, --pid N, or a program after --");
    if (o.common.pid && *o.common.pid <= 0)
        return usage_error(fmt::format("use --pid {}", *o.common.pid), "a PID is a positive number");
    return done();
}

Result<std::chrono::nanoseconds> duration_of(const std::string& option, const std::string& text) {
    auto duration = parse_duration(text);
    if (!duration) return duration;
    if (*duration < std::chrono::seconds(1))
        return usage_error("use " + option + " " + text, "it must be at least 1s");
    return duration;
}

Result<LeakRequest> check_request(const LeakOptions& o) {
    if (auto fine = check_target(o); !fine) return std::move(fine).error();
    LeakRequest request;
    auto observe = duration_of("--for", o.observe);
    if (!observe) return std::move(observe).error();
    auto idle = duration_of("--idle", o.idle);
    if (!idle) return std::move(idle).error();
    auto ttl = parse_time_to_live(o.common.ttl);
    if (!ttl) return std::move(ttl).error();
    request.observe = *observe;
    request.idle = *idle;
    request.time_to_live = *ttl;
    if (!o.older.empty()) {
        auto older = parse_duration(o.older);
        if (!older) return std::move(older).error();
        request.older = *older;
    }
    if (o.top == 0) return usage_error("use --top 0", "at least one group must be looked at");
    request.top = o.top;
    request.all_slots = o.all_slots;
    request.pid = o.common.pid;
    request.target = o.kernel      ? "the kernel"
                     : request.pid ? fmt::format("process {}", *request.pid)
                                   : fmt::format("{}", fmt::join(o.common.program, " "));
    return request;
}

int run_leak(const LeakOptions& options) {
    auto output = check_output(options.common, formats);
    if (!output) return fail(output.error());
    auto request = check_request(options);
    if (!request) return fail(request.error());
    auto record_file = open_record(options.common.record);
    if (!record_file) return fail(record_file.error());
    const auto record = *record_file ? make_json_sink(record_file->get()) : nullptr;
    request->record = record.get();
    std::optional<LaunchedProgram> program;
    if (!options.common.program.empty()) {
        auto launched = LaunchedProgram::start(options.common.program);
        if (!launched) return fail(launched.error());
        program.emplace(std::move(*launched));
        request->pid = program->pid();
    }
    auto signals = catch_signals(); // after the program was started: it keeps its own
    if (!signals) return fail(signals.error());
    request->stop_fd = signals->get();
    const auto diagnosis = diagnose_leak(
        *request, [&program]() -> Status { return program ? program->let_go() : done(); },
        [](const std::string& words) { fmt::print(stderr, "stakeout: {}\n", words); });
    if (program) ::waitpid(program->pid(), nullptr, WNOHANG);
    if (!diagnosis) return fail(diagnosis.error());
    if (!print_diagnosis(*diagnosis, *output))
        return fail(internal_error("print the diagnosis", "stdout is closed or full", errno));
    return 0;
}

} // namespace

Command add_diagnose_leak(CLI::App& diagnose, const std::vector<std::string>& program) {
    CLI::App* command = diagnose.add_subcommand("leak", "Memory allocated, never freed, and used by nobody");
    auto options = std::make_shared<LeakOptions>();
    options->common.program = program;
    const char* what = "What to look at";
    command->add_flag("--kernel", options->kernel, "The kernel's slab objects and pages")->group(what);
    command->add_option("--pid,-p", options->common.pid, "A process; or a program to start, after --")
        ->group(what);
    const char* how = "How";
    command->add_option("--for", options->observe, "Observe that long")->capture_default_str()->group(how);
    command->add_option("--idle", options->idle, "An object that nobody touches for so long is not used")
        ->capture_default_str()
        ->group(how);
    command
        ->add_option("--older", options->older,
                     "Age from which an object may be leaked (default: a third of --for)")
        ->group(how);
    command->add_option("--top", options->top, "Groups to watch and report")
        ->capture_default_str()
        ->group(how);
    command->add_flag("--all-slots", options->all_slots, "Use all debug registers, leaving none to others")
        ->group(how);
    command->add_option("--ttl", options->common.ttl, "Time to live of it all (30s, 10m, 2h)")
        ->capture_default_str()
        ->group(how);
    add_diagnosis_output_options(*command, options->common, formats);
    command->footer("Examples:\n"
                    "  stakeout diagnose leak --pid 1234\n"
                    "  stakeout diagnose leak -- ./server --port 8080\n"
                    "  stakeout diagnose leak --kernel --for 5m\n"
                    "Manual: man stakeout-diagnose-leak");
    return {command, [options] { return run_leak(*options); }};
}

} // namespace stakeout
