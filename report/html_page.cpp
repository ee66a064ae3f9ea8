#include "report/html_page.h"

#include "base/json_writer.h"
#include "report/verdict.h"
#include "report/words.h"
#include "watchpoints/arm/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>

// The page as it was bundled (page/build.mjs).
extern "C" const char stakeout_page[];
extern "C" const char stakeout_page_end[];

namespace stakeout {
namespace {

constexpr std::size_t writers_without_script = 25;

std::string_view page() {
    return {stakeout_page, static_cast<std::size_t>(stakeout_page_end - stakeout_page)};
}

// The page with each mark replaced, in one pass: what stands for one mark is not searched for another.
// `connect`: whom the page may ask, in the words of a Content-Security-Policy.
std::string filled(std::string_view connect, std::string_view title, std::string_view essentials,
                   std::string_view data) {
    struct Mark {
        std::string_view mark, text;
    };
    const Mark marks[] = {{"%STAKEOUT_CONNECT%", connect},
                          {"%STAKEOUT_TITLE%", title},
                          {"<!--STAKEOUT_ESSENTIALS-->", essentials},
                          {"\"STAKEOUT_DATA\"", data}};
    std::string whole;
    whole.reserve(page().size() + essentials.size() + data.size());
    std::size_t from = 0;
    for (const Mark& one : marks) {
        const std::size_t place = page().find(one.mark, from);
        if (place == std::string_view::npos) continue;
        whole += page().substr(from, place - from);
        whole += one.text;
        from = place + one.mark.size();
    }
    whole += page().substr(from);
    return whole;
}

std::string cell(std::string_view text) { return fmt::format("<td>{}</td>", html_text(text)); }
std::string number_cell(std::uint64_t number) {
    return fmt::format("<td class=\"n\">{}</td>", grouped(number));
}

std::string tasks_of(const Writer& writer) {
    std::string tasks;
    for (std::size_t i = 0; i < std::min<std::size_t>(writer.tasks.size(), 3); ++i)
        tasks += (i == 0 ? "" : ", ") + task_words(writer.tasks[i]);
    if (writer.tasks_total > 3) tasks += fmt::format(" and {} more", writer.tasks_total - 3);
    return tasks;
}

// The most frequent change; the last one, where none came often.
std::string change_of(const Writer& writer) {
    const bool often = !writer.changes.empty() && writer.changes.front().hits > 1;
    if (!often && !writer.last) return {};
    const Change& change = often ? writer.changes.front() : *writer.last;
    if (writer.access == Access::Read) return value_words(change.new_value);
    return fmt::format("{} -> {}", value_words(change.old_value), value_words(change.new_value));
}

std::string writers_table(const Report& report) {
    if (report.writers.empty()) return {};
    std::string table =
        "<table><caption>Who accessed it, most hits first</caption><thead><tr><th>Function</th><th>Where</th>"
        "<th>Instruction</th><th>Access</th><th>Tasks</th><th>Hits</th><th>Old and new "
        "value</th></tr></thead><tbody>";
    for (std::size_t i = 0; i < std::min(report.writers.size(), writers_without_script); ++i) {
        const Writer& writer = report.writers[i];
        table += "<tr>" + cell(writer.function) + cell(writer.where.empty() ? writer.module : writer.where) +
                 cell(writer.instruction) + cell(to_word(writer.access)) + cell(tasks_of(writer)) +
                 number_cell(writer.hits) + cell(change_of(writer)) + "</tr>\n";
    }
    table += "</tbody></table>";
    if (report.writers_total > writers_without_script)
        table += fmt::format("<p>{} more are not in this table.</p>",
                             grouped(report.writers_total - writers_without_script));
    return table;
}

std::string counts_table(const Report& report) {
    std::string rows;
    const auto add = [&rows](std::string_view what, std::uint64_t count) {
        rows += fmt::format("<tr><th>{}</th>{}</tr>", what, number_cell(count));
    };
    add("Hits in this report", report.shown);
    if (report.summary) {
        add("Hits seen by the watch", report.summary->hits);
        add("Lost for want of room", report.summary->lost);
        add("Counted, but not looked at", report.summary->unseen);
        add("Not wanted", report.summary->dropped.in_kernel() + report.summary->dropped.by_reader());
    }
    add("Not in the recording", report.lost_from_recording);
    add("Intervals braked", report.braked);
    add("Changes of coverage", report.coverage.size() + report.coverage_left_out);
    return "<table><caption>What was counted</caption><tbody>" + rows + "</tbody></table>";
}

std::string essentials(const Report& report) {
    const Verdict verdict = verdict_of(report);
    std::string html = "<p><strong>" + html_text(verdict.headline) + "</strong></p>\n<ul>";
    for (const std::string& line : verdict.lines) html += "<li>" + html_text(line) + "</li>\n";
    for (const std::string& damage : report.damage) html += "<li>Damage: " + html_text(damage) + "</li>\n";
    html += "</ul>\n";
    html += fmt::format("<p>{}{}armed {}</p>\n", html_text(report.facts.host),
                        report.facts.host.empty() ? "" : ", ", html_text(wall_time(report.start_wall_ns)));
    return html + counts_table(report) + writers_table(report);
}

std::string title_of(const Report& report) {
    const std::string& name = report.facts.watch_name;
    return html_text(fmt::format("{} - stakeout", name.empty() ? targets_words(report) : name));
}

} // namespace

std::string html_page(std::string_view json, const Report& report) {
    return filled("'none'", title_of(report), essentials(report), json_for_html(json));
}

std::string live_page(std::string_view url, std::string_view token) {
    std::string json;
    JsonWriter source(json);
    source.begin_object();
    source.truth("live", true);
    source.text("source", url);
    if (!token.empty()) source.text("token", token);
    source.end_object();
    return filled("'self'", "stakeout",
                  "<p>This page shows a watch that goes on, and needs JavaScript for it.</p>",
                  json_for_html(json));
}

} // namespace stakeout
