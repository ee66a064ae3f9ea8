// `stakeout remove`: ends running watches; their slots are free when it returns.
#include "tools/stakeout/ask_watch.h"
#include "tools/stakeout/commands.h"
#include "tools/stakeout/failure.h"

#include <fmt/format.h>

#include <memory>
#include <vector>

namespace stakeout {
namespace {

using Json = nlohmann::ordered_json;

// Follow-ups may take a second, a full output some more.
constexpr std::chrono::seconds end_patience(20);

Status wait_until_gone(ControlClient& client) {
    auto ended = client.stream([](std::span<const std::byte>) { return true; });
    return ended ? done() : Status(std::move(ended).error());
}

Status remove_one(const RunFolder& folder, const std::string& name) {
    auto client = ControlClient::connect(folder, name);
    if (!client) return std::move(client).error();
    auto answer = client->ask(Json{{"v", 1}, {"op", "remove"}}, end_patience);
    if (!answer) return std::move(answer).error();
    if (auto gone = wait_until_gone(*client); !gone) return gone;
    fmt::print("{} removed: {} hits, {} lost\n", name, answer->value("hits", std::uint64_t{0}),
               answer->value("lost", std::uint64_t{0}));
    return done();
}

Result<std::vector<std::string>> names_of(const RunFolder& folder, const std::vector<std::string>& watches) {
    std::vector<std::string> names;
    for (const std::string& watch : watches) {
        auto name = find_watch(folder, watch);
        if (!name) return std::move(name).error();
        names.push_back(std::move(*name));
    }
    return names;
}

// Those that nobody sits in front of; a watch in the foreground is ended by who started it.
std::vector<std::string> detached_names(const RunFolder& folder) {
    std::vector<std::string> names;
    for (const FoundWatch& found : running_watches(folder)) {
        const auto* status = std::get_if<WatchStatus>(&found);
        if (status == nullptr)
            names.push_back(std::get<SilentWatch>(found).name);
        else if (status->detached)
            names.push_back(status->name);
    }
    return names;
}

int run_remove(const std::vector<std::string>& watches, bool all) {
    if (watches.empty() != all)
        return fail(usage_error("remove watches", all ? "both names and --all were given" : "none was named",
                                "give names or ids, or --all"));
    auto folder = RunFolder::open();
    if (!folder) return fail(folder.error());
    auto names = all ? Result(detached_names(*folder)) : names_of(*folder, watches);
    if (!names) return fail(names.error());
    int status = 0;
    for (const std::string& name : *names)
        if (auto removed = remove_one(*folder, name); !removed) status = fail(removed.error());
    return status;
}

} // namespace

Command add_remove_command(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("remove", "End running watches; their slots are free when it returns");
    auto watches = std::make_shared<std::vector<std::string>>();
    auto all = std::make_shared<bool>(false);
    command->add_option("watch", *watches, "Names or ids");
    command->add_flag("--all", *all, "All detached ones");
    command->footer("Manual: man stakeout-remove");
    return {command, [watches, all] { return run_remove(*watches, *all); }};
}

} // namespace stakeout
