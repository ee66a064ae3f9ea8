// The recipes of `stakeout diagnose`: each registers its options below the command. `program` is what stood
// behind --.
#pragma once

#include "tools/stakeout/commands.h"

#include <string>
#include <vector>

namespace stakeout {

Command add_diagnose_deadlock(CLI::App& diagnose, std::chrono::steady_clock::time_point process_start,
                              const std::vector<std::string>& program);
Command add_diagnose_refcount(CLI::App& diagnose, std::chrono::steady_clock::time_point process_start,
                              const std::vector<std::string>& program);
Command add_diagnose_stomp(CLI::App& diagnose, std::chrono::steady_clock::time_point process_start,
                           const std::vector<std::string>& program);

Command add_diagnose_leak(CLI::App& diagnose, const std::vector<std::string>& program);

} // namespace stakeout
