// The commands of stakeout-xen; each file adds one.
#pragma once

#include "base/result.h"
#include "tools/options/command.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

namespace stakeout {

Command add_xen_watch_command(CLI::App& app, std::chrono::steady_clock::time_point process_start);
Command add_xen_doctor_command(CLI::App& app);
Command add_xen_list_command(CLI::App& app);
Command add_xen_release_command(CLI::App& app);

inline int fail_xen(const Error& error) {
    fmt::print(stderr, "stakeout-xen: {}\n", error.sentence());
    return error.exit_status();
}

} // namespace stakeout
