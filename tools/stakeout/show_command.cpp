// `stakeout show`: everything about one running watch.
#include "base/printable.h"
#include "tools/output/wall_clock.h"
#include "tools/stakeout/ask_watch.h"
#include "tools/stakeout/commands.h"
#include "tools/stakeout/failure.h"
#include "tools/stakeout/watch_status_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

namespace stakeout {
namespace {

using Json = nlohmann::ordered_json;

void row(std::string_view title, const std::string& text) { fmt::print("{:<12} {}\n", title, text); }

void print_memory(const WatchStatus& status) {
    for (const StatusTarget& target : status.targets)
        row("target", fmt::format("{}{}, {} bytes at {:#x}", printable(target.name),
                                  target.type.empty() ? "" : fmt::format(" ({})", printable(target.type)),
                                  target.size, target.address));
    if (!status.script.empty()) row("script", printable(status.script));
    row("armed for",
        fmt::format("{} on {} of {} CPUs ({}), {} slot{} each", status.access, status.cpus_armed.size(),
                    status.cpus_online, fmt::join(status.cpus_armed, ", "), status.slots,
                    status.slots == 1 ? "" : "s"));
}

void print_last(const WatchStatus& status, const WallClock& clock) {
    if (!status.last) {
        row("last access", "none yet");
        return;
    }
    const LastAccess& last = *status.last;
    row("last access", fmt::format("#{} at {}, {} ago", last.seq, clock.time_of_day(last.time_ns),
                                   short_duration(static_cast<double>(status.now_ns - last.time_ns) / 1e9)));
    row("", fmt::format("{} {} by {} (pid {}, tid {}) on CPU {} in {}", last.access, printable(last.target),
                        printable(last.comm), last.pid, last.tid, last.cpu,
                        last.function.empty() ? "?" : printable(last.function)));
    if (!last.new_value.empty() || !last.old_value.empty())
        row("", fmt::format("{} -> {}", last.old_value.empty() ? "?" : last.old_value,
                            last.new_value.empty() ? "?" : last.new_value));
}

void print_text(const WatchStatus& status) {
    const WallClock clock(status.wall_ahead_ns);
    row("watch", fmt::format("{} (id {}, pid {}{})", status.name, status.id, status.pid,
                             status.detached ? ", detached" : ""));
    print_memory(status);
    row("age", fmt::format("{}, armed at {}", short_duration(status.age_seconds()),
                           clock.time_of_day(status.armed_at_ns)));
    row("time left", fmt::format("{}, until {}", short_duration(status.seconds_left()),
                                 clock.time_of_day(status.deadline_ns)));
    row("hits",
        fmt::format("{} = {} records + {} lost + {} dropped in the kernel or not shown; {} shown, {} unseen",
                    status.hits, status.records, status.lost, status.dropped, status.shown, status.unseen));
    row("rate", short_rate(status.rate));
    row("brake", brake_text(status));
    row("recording",
        status.recording.empty() ? (status.keeps_hits ? "in memory" : "none") : printable(status.recording));
    print_last(status, clock);
    for (std::size_t i = 0; i < status.hottest.size(); ++i)
        row(i == 0 ? "hottest" : "",
            fmt::format("{:>9}  {}", status.hottest[i].hits, printable(status.hottest[i].frames)));
    for (std::size_t i = 0; i < status.notices.size(); ++i)
        row(i == 0 ? "notices" : "", printable(status.notices[i]));
}

int run_show(const std::string& watch, const std::string& format) {
    if (format != "text" && format != "json")
        return fail(usage_error("use --output " + format, "it is none of text and json"));
    auto asked = ask_watch(watch, Json{{"v", 1}, {"op", "status"}});
    if (!asked) return fail(asked.error());
    auto status = status_from_json(asked->answer.value("status", Json()));
    if (!status) return fail(status.error());
    if (format == "json") {
        Json document = to_json(*status);
        fmt::print("{}\n", document.dump(-1, ' ', false, Json::error_handler_t::replace));
    } else {
        print_text(*status);
    }
    return 0;
}

} // namespace

Command add_show_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand("show", "Show everything about one running watch");
    auto watch = std::make_shared<std::string>();
    auto format = std::make_shared<std::string>("text");
    command->add_option("watch", *watch, "Its name or id")->required();
    command->add_option("--output,-o", *format, "text or json")->capture_default_str();
    command->footer("Manual: man stakeout-show");
    return {command, [watch, format] { return run_show(*watch, *format); }};
}

} // namespace stakeout
