// The commands of `stakeout`: each registers its options with CLI11 and runs when it was chosen. The answer
// is the process's exit status.
#pragma once

#include <CLI/CLI.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace stakeout {

struct Command {
    CLI::App* app = nullptr;
    std::function<int()> run;
};

Command add_watch_command(CLI::App& app, std::chrono::steady_clock::time_point process_start);
// `program`: what stood behind -- on the command line.
Command add_diagnose_command(CLI::App& app, std::chrono::steady_clock::time_point process_start,
                             const std::vector<std::string>& program);
Command add_doctor_command(CLI::App& app);
Command add_slots_command(CLI::App& app);
Command add_check_command(CLI::App& app);
Command add_compile_command(CLI::App& app);

} // namespace stakeout
