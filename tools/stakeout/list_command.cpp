// `stakeout list`: the watches that run on this machine.
#include "keeper/control_client.h"
#include "tools/stakeout/commands.h"
#include "tools/stakeout/failure.h"
#include "tools/stakeout/watch_table.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <memory>

namespace stakeout {
namespace {

using Json = nlohmann::ordered_json;

void print_json(const std::vector<FoundWatch>& watches) {
    Json document{{"v", 1}, {"type", "watches"}, {"watches", Json::array()}, {"silent", Json::array()}};
    for (const FoundWatch& found : watches) {
        if (const auto* status = std::get_if<WatchStatus>(&found)) {
            document["watches"].push_back(to_json(*status));
        } else {
            const auto& silent = std::get<SilentWatch>(found);
            document["silent"].push_back({{"name", silent.name}, {"pid", silent.pid}, {"why", silent.why}});
        }
    }
    fmt::print("{}\n", document.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void print_text(const std::vector<FoundWatch>& watches) {
    if (watches.empty()) {
        fmt::print("no watch runs; `stakeout watch --detach --name NAME ...` starts one\n");
        return;
    }
    fmt::print("{}\n", watch_table_head());
    for (const FoundWatch& found : watches) {
        if (const auto* silent = std::get_if<SilentWatch>(&found)) {
            fmt::print("{:<12} pid {}: {}\n", silent->name, silent->pid, silent->why);
            continue;
        }
        fmt::print("{}\n", watch_table_row(std::get<WatchStatus>(found)));
    }
}

int run_list(const std::string& format) {
    if (format != "text" && format != "json")
        return fail(usage_error("use --output " + format, "it is none of text and json"));
    auto folder = RunFolder::open();
    if (!folder) return fail(folder.error());
    const std::vector<FoundWatch> watches = running_watches(*folder);
    if (format == "json")
        print_json(watches);
    else
        print_text(watches);
    return 0;
}

} // namespace

Command add_list_command(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("list", "Show the watches that run: coverage, age, time left, hits");
    auto format = std::make_shared<std::string>("text");
    command->add_option("--output,-o", *format, "text or json")->capture_default_str();
    command->footer("Manual: man stakeout-list");
    return {command, [format] { return run_list(*format); }};
}

} // namespace stakeout
