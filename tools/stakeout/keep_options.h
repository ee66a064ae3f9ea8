// --detach, --name, --notify, --wait and --record: how a watch and its hits live on, as typed and as checked.
#pragma once

#include "base/result.h"
#include "recording/file_store.h"

#include <CLI/CLI.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace stakeout {

struct KeepOptions {
    bool detach = false, quiet = false;
    std::string name, notify, wait, config;
    std::string record, max_size = "100M", keep = "3";
    CLI::Option* wait_option = nullptr; // given at all, with a duration or without
};

void add_keep_options(CLI::App& command, KeepOptions& options);

struct KeepChoice {
    // How long to wait for a slot; absent: not at all.
    std::optional<std::chrono::nanoseconds> wait;
    std::optional<FileStoreOptions> files; // where it is recorded
};
Result<KeepChoice> check_keep_options(const KeepOptions& options);

} // namespace stakeout
