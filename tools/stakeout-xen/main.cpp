// stakeout-xen: who touched this memory of that guest?
#include "tools/stakeout-xen/commands.h"

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

int main(int argc, char** argv) {
    const auto process_start = std::chrono::steady_clock::now();
    std::signal(SIGPIPE, SIG_IGN);
    ::unsetenv("DEBUGINFOD_URLS"); // nothing leaves this machine

    CLI::App app{"Watches a Xen guest's memory from dom0: tells which vCPU, code and task touched it, with "
                 "old and new value.",
                 "stakeout-xen"};
    app.set_version_flag("--version", std::string("stakeout-xen ") + STAKEOUT_VERSION);
    app.require_subcommand(1);
    app.failure_message([](const CLI::App*, const CLI::Error& error) {
        return std::string("stakeout-xen: cannot read the command line: ") + error.what() +
               "; `stakeout-xen --help` and `stakeout-xen watch --help` tell the options\n";
    });
    app.footer("Exit status: 0 ended as asked, 2 usage, 3 cannot be armed (nothing is left behind), 4 the "
               "guest went away, "
               "5 internal error.\nManual: man stakeout-xen");
    const std::vector<stakeout::Command> commands{
        stakeout::add_xen_watch_command(app, process_start), stakeout::add_xen_doctor_command(app),
        stakeout::add_xen_list_command(app), stakeout::add_xen_release_command(app)};
    constexpr int usage_status = 2;
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : usage_status;
    }
    for (const stakeout::Command& command : commands)
        if (command.app->parsed()) return command.run();
    return usage_status;
}
