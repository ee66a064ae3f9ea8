// The commands of `stakeout`; each file adds one.
#pragma once

#include "tools/options/command.h"

#include <chrono>
#include <string>
#include <vector>

namespace stakeout {

Command add_watch_command(CLI::App& app, std::chrono::steady_clock::time_point process_start);
// `program`: what stood behind -- on the command line.
Command add_diagnose_command(CLI::App& app, std::chrono::steady_clock::time_point process_start,
                             const std::vector<std::string>& program);
Command add_doctor_command(CLI::App& app);
Command add_slots_command(CLI::App& app);
Command add_list_command(CLI::App& app);
Command add_show_command(CLI::App& app);
Command add_tail_command(CLI::App& app);
Command add_last_command(CLI::App& app);
Command add_top_command(CLI::App& app);
Command add_renew_command(CLI::App& app);
Command add_remove_command(CLI::App& app);
Command add_complete_command(CLI::App& app); // hidden
Command add_describe_command(CLI::App& app); // hidden
Command add_report_command(CLI::App& app);
Command add_check_command(CLI::App& app);
Command add_compile_command(CLI::App& app);
Command add_export_command(CLI::App& app);

} // namespace stakeout
