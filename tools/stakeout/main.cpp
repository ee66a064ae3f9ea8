// stakeout: who touched this memory?
#include "tools/stakeout/commands.h"
#include "tools/stakeout/config_arguments.h"
#include "tools/stakeout/failure.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

// Under some hypervisors a debug exception now and then arrives without its cause, and the kernel sends a
// SIGTRAP instead of counting a hit (`stakeout doctor` says so). We hit our own memory when calibrating and
// must survive that.
void ignore_stray_trap(int) {}

constexpr int usage_status = 2;

// A recipe takes names without an option before them, and so does a program: what stands behind -- is cut off
// before the options are read.
std::vector<std::string> take_program(std::vector<std::string>& arguments) {
    if (arguments.empty() || arguments.front() != "diagnose") return {};
    const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
    if (dashes == arguments.end()) return {};
    std::vector<std::string> program(dashes + 1, arguments.end());
    arguments.erase(dashes, arguments.end());
    return program;
}

} // namespace

int main(int argc, char** argv) {
    const auto process_start = std::chrono::steady_clock::now();
    struct sigaction action{};
    action.sa_handler = ignore_stray_trap;
    ::sigaction(SIGTRAP, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    ::unsetenv("DEBUGINFOD_URLS"); // elfutils would ask the network for debug information: nothing leaves
                                   // this machine

    CLI::App app{"Tells who touched a piece of memory: arms the CPU's debug registers on every CPU and "
                 "reports each access "
                 "with its task, stack, old and new value.",
                 "stakeout"};
    app.set_version_flag("--version", std::string("stakeout ") + STAKEOUT_VERSION);
    app.require_subcommand(1);
    app.failure_message([](const CLI::App*, const CLI::Error& error) {
        return std::string("stakeout: cannot read the command line: ") + error.what() +
               "; `stakeout --help` and `stakeout watch --help` tell the options\n";
    });
    app.footer("Exit status: 0 ended as asked, 2 usage, 3 cannot be armed (nothing is left behind), 4 the "
               "target was lost, "
               "5 internal error.\nManual: man stakeout");
    auto given = stakeout::with_config({argv + 1, argv + argc});
    if (!given) return stakeout::fail(given.error());
    std::vector<std::string> arguments = std::move(*given);
    const std::vector<std::string> program = take_program(arguments);
    const std::vector<stakeout::Command> commands{stakeout::add_watch_command(app, process_start),
                                                  stakeout::add_list_command(app),
                                                  stakeout::add_show_command(app),
                                                  stakeout::add_tail_command(app),
                                                  stakeout::add_last_command(app),
                                                  stakeout::add_top_command(app),
                                                  stakeout::add_export_command(app),
                                                  stakeout::add_renew_command(app),
                                                  stakeout::add_remove_command(app),
                                                  stakeout::add_diagnose_command(app, process_start, program),
                                                  stakeout::add_doctor_command(app),
                                                  stakeout::add_slots_command(app),
                                                  stakeout::add_complete_command(app),
                                                  stakeout::add_describe_command(app),
                                                  stakeout::add_report_command(app),
                                                  stakeout::add_check_command(app),
                                                  stakeout::add_compile_command(app)};
    try {
        std::reverse(arguments.begin(), arguments.end()); // CLI11 takes them from the back
        app.parse(arguments);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : usage_status;
    }
    for (const stakeout::Command& command : commands)
        if (command.app->parsed()) return command.run();
    return usage_status;
}
