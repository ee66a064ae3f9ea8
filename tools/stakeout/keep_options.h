// --detach, --name, --notify, --wait: how a watch lives on, as typed and as checked.
#pragma once

#include "base/result.h"

#include <CLI/CLI.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace stakeout {

struct KeepOptions {
    bool detach = false;
    std::string name, notify, wait;
    CLI::Option* wait_option = nullptr; // given at all, with a duration or without
};

void add_keep_options(CLI::App& command, KeepOptions& options);

struct KeepChoice {
    // How long to wait for a slot; absent: not at all.
    std::optional<std::chrono::nanoseconds> wait;
};
Result<KeepChoice> check_keep_options(const KeepOptions& options);

} // namespace stakeout
