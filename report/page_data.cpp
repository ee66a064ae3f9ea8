#include "report/page_data.h"

#include "base/json_writer.h"
#include "report/page_rows.h"
#include "report/page_stacks.h"
#include "report/verdict.h"
#include "report/words.h"
#include "watchpoints/arm/words.h"
#include "watchpoints/hit/field_words.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace stakeout {
namespace {

void write_optional(JsonWriter& into, std::string_view key, const std::string& text) {
    if (!text.empty()) into.text(key, text);
}

void write_watch(JsonWriter& into, const Report& report) {
    const Armed& armed = report.armed;
    into.begin_object("watch");
    into.text("id", armed.watch);
    write_optional(into, "name", report.facts.watch_name);
    into.begin_list("targets");
    for (std::size_t i = 0; i < armed.targets.size(); ++i) {
        const Target& target = armed.targets[i];
        into.begin_object();
        into.text("name", target.name);
        write_optional(into, "type", target.type);
        into.hex("address", target.address);
        into.number("size", target.size);
        if (target.is_signed) into.truth("signed", true);
        if (target.is_per_cpu()) into.truth("per_cpu", true);
        write_optional(into, "note", target.note);
        if (i < armed.values.size() && armed.values[i]) into.text("value", value_words(armed.values[i]));
        into.end_object();
    }
    into.end_list();
    into.text("kind", to_word(armed.kind));
    into.number("cpus_armed", armed.cpus_armed.size());
    into.number("cpus_online", armed.cpus_online.size());
    into.number("slots", armed.slots.size());
    into.real("ttl_s", std::chrono::duration<double>(armed.time_to_live).count());
    into.truth("brake", armed.brake);
    write_optional(into, "script", armed.script);
    if (armed.guest) {
        into.text("guest", armed.guest->domain_name);
        into.text("backend", armed.guest->backend);
        into.begin_list("not_seen");
        for (const std::string& blind : armed.guest->blind_spots) into.text({}, blind);
        into.end_list();
    }
    into.end_object();
}

void write_facts(JsonWriter& into, const Report& report) {
    into.truth("live", report.facts.live);
    into.begin_object("made");
    into.text("stakeout", report.facts.stakeout);
    into.real("at_ms", static_cast<double>(report.facts.made_at_ms));
    into.end_object();
    write_watch(into, report);
    into.begin_object("host");
    into.text("name", report.facts.host);
    into.text("kernel", report.facts.kernel);
    into.number("cpus", report.facts.cpus);
    into.end_object();
    into.real("start_wall_ms", static_cast<double>(report.start_wall_ns) / 1e6);
    into.number("end_us", report.end_us);
    if (report.since_us) into.number("since_us", *report.since_us);
}

void write_texts(JsonWriter& into, std::string_view key, const std::vector<std::string>& texts) {
    into.begin_list(key);
    for (const std::string& text : texts) into.text({}, text);
    into.end_list();
}

void write_counts(JsonWriter& into, const Report& report) {
    into.begin_object("counts");
    into.number("shown", report.shown);
    into.number("reads", report.reads);
    into.number("writes", report.writes);
    into.number("executed", report.executed);
    into.number("functions", report.functions);
    into.number("tasks", report.tasks_total);
    into.number("lost_from_recording", report.lost_from_recording);
    into.number("braked", report.summary ? report.summary->braked : report.braked);
    into.real("braked_s", report.summary ? static_cast<double>(report.summary->braked_ns) / 1e9
                                         : static_cast<double>(report.braked_us) / 1e6);
    const auto number = [&](std::string_view key, auto take) {
        report.summary ? into.number(key, take(*report.summary)) : into.null(key);
    };
    number("hits", [](const Summary& sum) { return sum.hits; });
    number("records", [](const Summary& sum) { return sum.records; });
    number("lost", [](const Summary& sum) { return sum.lost; });
    number("unseen", [](const Summary& sum) { return sum.unseen; });
    number("dropped", [](const Summary& sum) { return sum.dropped.in_kernel() + sum.dropped.by_reader(); });
    number("joined", [](const Summary& sum) { return sum.joined; });
    number("foreign", [](const Summary& sum) { return sum.foreign; });
    number("late", [](const Summary& sum) { return sum.late; });
    number("filtered", [](const Summary& sum) { return sum.filtered; });
    into.end_object();
    if (report.summary) {
        into.begin_object("ended");
        into.text("by", to_word(report.summary->ended_by));
        into.text("reason", report.summary->reason);
        into.end_object();
    } else {
        into.null("ended");
    }
    write_texts(into, "damage", report.damage);
    write_texts(into, "notices", report.notices);
}

void write_coverage(JsonWriter& into, const Report& report) {
    into.begin_list("coverage");
    for (const CoverageStep& step : report.coverage) {
        into.begin_object();
        into.number("t_us", step.t_us);
        into.number("cpu", step.change.cpu);
        into.text("text", step.change.reason);
        into.number("armed", step.change.cpus_armed);
        into.number("online", step.change.cpus_online);
        if (step.change.gap_to_ns > step.change.gap_from_ns && step.change.gap_from_ns != 0)
            into.number("gap_us", (step.change.gap_to_ns - step.change.gap_from_ns) / 1000);
        into.end_object();
    }
    into.end_list();
    into.number("coverage_left_out", report.coverage_left_out);
    into.begin_object("brakes");
    into.number("count", report.braked);
    into.real("total_s", static_cast<double>(report.braked_us) / 1e6);
    into.number("left_out", report.brakes_left_out);
    into.begin_list("intervals");
    for (const BrakeSpan& span : report.brakes) {
        into.begin_list();
        into.number({}, span.from_us);
        into.number({}, span.to_us);
        into.number({}, span.cpu);
        into.end_list();
    }
    into.end_list();
    into.end_object();
}

void write_value(JsonWriter& into, std::string_view key, const std::optional<Value>& value) {
    value ? into.text(key, value_words(value)) : into.null(key);
}

void write_writer(JsonWriter& into, const Writer& writer, const PageStacks& stacks) {
    into.begin_object();
    into.text("function", writer.function);
    into.text("module", writer.module);
    into.text("where", writer.where);
    into.text("instruction", writer.instruction);
    into.text("access", to_word(writer.access));
    into.begin_list("tasks");
    for (const TaskHits& task : writer.tasks) {
        into.begin_object();
        into.text("comm", task.comm);
        into.number("pid", task.pid);
        into.number("tid", task.tid);
        into.number("hits", task.hits);
        into.end_object();
    }
    into.end_list();
    into.number("tasks_total", writer.tasks_total);
    if (writer.tasks_at_least) into.truth("tasks_at_least", true);
    into.number("hits", writer.hits);
    into.number("first_us", writer.first_us);
    into.number("last_us", writer.last_us);
    into.begin_list("changes");
    for (const Change& change : writer.changes) {
        into.begin_object();
        into.number("target", change.target);
        write_value(into, "old", change.old_value);
        write_value(into, "new", change.new_value);
        into.number("hits", change.hits);
        if (change.at_least) into.truth("at_least", true);
        into.end_object();
    }
    into.end_list();
    if (writer.last) {
        into.begin_object("last");
        into.number("target", writer.last->target);
        write_value(into, "old", writer.last->old_value);
        write_value(into, "new", writer.last->new_value);
        into.end_object();
    }
    const std::int64_t stack = stacks.number_of(writer.stack);
    stack < 0 ? into.null("stack") : into.number("stack", static_cast<std::uint64_t>(stack));
    into.end_object();
}

void write_look(JsonWriter& into, const ReportLook& look) {
    into.begin_object();
    into.number("hit", look.hit);
    into.number("t_us", look.t_us);
    into.number("cpu", look.cpu);
    into.text("where", look.where == ReportLook::Where::Hit       ? "hit"
                       : look.where == ReportLook::Where::Softirq ? "followup"
                                                                  : "task_look");
    into.begin_list("fields");
    for (const ScriptField& field : look.says.fields) {
        into.begin_object();
        into.text("name", field.name);
        into.text("value", field_words(field));
        into.end_object();
    }
    into.end_list();
    into.begin_list("snapshots");
    for (const Snapshot& snapshot : look.says.snapshots) {
        into.begin_object();
        into.hex("address", snapshot.address);
        into.text("hex", fmt::format("{:02x}", fmt::join(snapshot.bytes, "")));
        into.truth("failed", snapshot.failed);
        into.end_object();
    }
    into.end_list();
    if (look.bytes_left_out != 0) into.number("bytes_left_out", look.bytes_left_out);
    if (look.says.refused != 0) into.number("refused", look.says.refused);
    into.end_object();
}

} // namespace

std::string page_data(const Report& report) {
    std::string text;
    text.reserve(std::size_t{1} << 20U);
    JsonWriter into(text);
    into.begin_object();
    into.number("v", 1);
    write_facts(into, report);
    const Verdict verdict = verdict_of(report);
    into.begin_object("summary");
    into.text("headline", verdict.headline);
    write_texts(into, "lines", verdict.lines);
    into.end_object();
    write_counts(into, report);
    write_coverage(into, report);
    write_timeline(into, report.timeline);
    write_flame(into, report.flame);
    const PageStacks stacks(report);
    into.begin_list("writers");
    for (const Writer& writer : report.writers) write_writer(into, writer, stacks);
    into.end_list();
    into.number("writers_total", report.writers_total);
    into.number("hits_of_no_writer", report.hits_of_no_writer);
    stacks.write(into);
    into.begin_list("looks");
    for (const ReportLook& look : report.looks) write_look(into, look);
    into.end_list();
    into.number("looks_total", report.looks_total);
    write_rows(into, report, stacks);
    into.end_object();
    return text;
}

} // namespace stakeout
