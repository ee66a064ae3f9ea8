// `stakeout renew`: a running watch lives longer, or shorter.
#include "tools/options/duration.h"
#include "tools/stakeout/ask_watch.h"
#include "tools/stakeout/commands.h"
#include "tools/stakeout/failure.h"
#include "tools/stakeout/watch_status_text.h"

#include <fmt/format.h>

#include <memory>

namespace stakeout {
namespace {

using Json = nlohmann::ordered_json;

int run_renew(const std::string& watch, const std::string& ttl) {
    auto wanted = parse_time_to_live(ttl);
    if (!wanted) return fail(wanted.error());
    auto asked = ask_watch(watch, Json{{"v", 1}, {"op", "renew"}, {"ttl_ns", wanted->count()}});
    if (!asked) return fail(asked.error());
    auto status = status_from_json(asked->answer.value("status", Json()));
    if (!status) return fail(status.error());
    fmt::print("{} ends in {}\n", status->name, short_duration(status->seconds_left()));
    return 0;
}

} // namespace

Command add_renew_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand("renew", "Give a running watch a new time to live");
    auto watch = std::make_shared<std::string>();
    auto ttl = std::make_shared<std::string>("10m");
    command->add_option("watch", *watch, "Its name or id")->required();
    command->add_option("--ttl", *ttl, "Time to live, from now on (30s, 10m, 2h)")->capture_default_str();
    command->footer("Manual: man stakeout-renew");
    return {command, [watch, ttl] { return run_renew(*watch, *ttl); }};
}

} // namespace stakeout
