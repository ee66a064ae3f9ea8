// `stakeout report`: a recording, or what a running watch has recorded, as text, as data, as a page.
#include "base/monotonic_clock.h"
#include "base/write_all.h"
#include "recording/deaf_listener.h"
#include "report/html_page.h"
#include "report/page_data.h"
#include "report/report_builder.h"
#include "report/text_report.h"
#include "tools/options/moment.h"
#include "tools/stakeout/commands.h"
#include "tools/stakeout/failure.h"
#include "tools/stakeout/hit_source.h"
#include "tools/stakeout/record_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

namespace stakeout {
namespace {

struct ReportOptions {
    std::string what; // a file, or a watch
    std::string html, since, by = "function", format = "text";
    std::size_t top = 20;
};

bool is_running(const HitSource& source) { return source.file.empty(); }

// When the last thing happened, as the time of day: what --since counts back from.
class LastMoment final : public DeafListener {
  public:
    void on_armed(const Armed& armed) override {
        ahead_ns_ = armed.wall_ahead_ns;
        armed_ns_ = armed.at_ns;
        last_ns_ = std::max(last_ns_, armed.at_ns);
    }
    void on_summary(const Summary& summary) override {
        last_ns_ = std::max(last_ns_, armed_ns_ + summary.duration_ns);
    }
    void on_hit(const Hit& hit) override { last_ns_ = std::max(last_ns_, hit.time_ns); }
    void on_brake(const BrakeInterval& interval) override { last_ns_ = std::max(last_ns_, interval.to_ns); }
    [[nodiscard]] std::int64_t wall_ns() const { return ahead_ns_ + static_cast<std::int64_t>(last_ns_); }
    [[nodiscard]] std::int64_t ahead_ns() const { return ahead_ns_; }

  private:
    std::int64_t ahead_ns_ = 0;
    std::uint64_t armed_ns_ = 0, last_ns_ = 0;
};

// CLOCK_MONOTONIC of the machine that recorded.
Result<std::optional<std::uint64_t>> since_ns(const ReportOptions& options, const HitSource& source) {
    if (options.since.empty()) return std::optional<std::uint64_t>();
    auto moment = Moment::parse(options.since);
    if (!moment) return std::move(moment).error();
    LastMoment last;
    if (auto read = replay(source, last); !read) return std::move(read).error();
    const std::int64_t end_ns =
        is_running(source) ? last.ahead_ns() + static_cast<std::int64_t>(monotonic_ns()) : last.wall_ns();
    const std::int64_t since = moment->wall_ns(end_ns) - last.ahead_ns();
    return std::optional<std::uint64_t>(static_cast<std::uint64_t>(std::max<std::int64_t>(since, 0)));
}

ReportFacts facts_of(const Replayed& read, const HitSource& source) {
    ReportFacts facts;
    facts.stakeout = STAKEOUT_VERSION;
    facts.made_at_ms = (wall_ahead_ns() + static_cast<std::int64_t>(monotonic_ns())) / 1'000'000;
    if (read.facts) {
        facts.watch_name = read.facts->watch_name;
        facts.host = read.facts->host.host;
        facts.kernel = read.facts->host.kernel_release;
        facts.cpus = read.facts->host.cpus;
    }
    facts.live = is_running(source) && read.stops_early;
    return facts;
}

Result<Report> make_report(const ReportOptions& options, const HitSource& source) {
    ReportBuilder::Options builder_options;
    auto since = since_ns(options, source);
    if (!since) return std::move(since).error();
    builder_options.since_ns = *since;
    ReportBuilder builder(builder_options);
    auto read = replay(source, builder);
    if (!read) return std::move(read).error();
    // The summary of a recording that has none is only of what was read.
    if (read->stops_early) builder.forget_summary();
    builder.set_facts(facts_of(*read, source));
    builder.add_lost_from_recording(read->not_recorded);
    if (read->first_segment != 0) builder.begins_late();
    for (const Damage& damage : read->damage) builder.add_damage(damage.sentence(read->hits));
    return builder.report(is_running(source) ? monotonic_ns() : 0);
}

Status put(int fd, const std::string& name, std::string_view text) {
    if (!write_all(fd, text)) return internal_error("write " + name, "it does not take all of it", errno);
    return done();
}

Status write_page(const std::string& path, const Report& report) {
    const std::string page = html_page(page_data(report), report);
    if (path == "-") return put(STDOUT_FILENO, "the page", page);
    auto file = open_record(path);
    if (!file) {
        Error error = std::move(file).error();
        error.tried = "write the page to " + path;
        return error;
    }
    return put(file->get(), path, page);
}

int run_report(const ReportOptions& options) {
    const auto by = report_by(options.by);
    if (!by)
        return fail(usage_error("report by " + options.by, "it is none of function, task, stack and value"));
    if (options.format != "text" && options.format != "json")
        return fail(usage_error("use --output " + options.format, "it is none of text and json"));
    auto source = find_hit_source(options.what);
    if (!source) return fail(source.error());
    auto report = make_report(options, *source);
    if (!report) return fail(report.error());
    if (!options.html.empty()) {
        const Status written = write_page(options.html, *report);
        return written ? 0 : fail(written.error());
    }
    const std::string text =
        options.format == "json" ? page_data(*report) + "\n" : text_report(*report, *by, options.top);
    const Status written = put(STDOUT_FILENO, "the report", text);
    return written || errno == EPIPE ? 0 : fail(written.error());
}

} // namespace

Command add_report_command(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("report", "Tell what a recording comes down to, as text or as a page");
    auto options = std::make_shared<ReportOptions>();
    command->add_option("what", options->what, "A recording's file, or a running watch's name or id")
        ->required();
    command->add_option("--html", options->html,
                        "Write a page that needs nothing else to this file; - for stdout");
    command->add_option("--since", options->since,
                        "Leave out what was before: 10m (before the end), 14:20, '2026-11-22 14:20'");
    command->add_option("--by", options->by, "function, task, stack or value")->capture_default_str();
    command->add_option("--top", options->top, "So many rows")
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000'000));
    command->add_option("--output,-o", options->format, "text or json")->capture_default_str();
    command->footer("Manual: man stakeout-report");
    return {command, [options] { return run_report(*options); }};
}

} // namespace stakeout
