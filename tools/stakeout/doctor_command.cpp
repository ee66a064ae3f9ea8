#include "tools/stakeout/commands.h"
namespace stakeout {
Command add_doctor_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand("doctor", "Say what this kernel and machine can do");
    return {command, [] { return 0; }};
}
} // namespace stakeout
