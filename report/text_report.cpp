#include "report/text_report.h"

#include "base/printable.h"
#include "report/text_table.h"
#include "report/verdict.h"
#include "report/words.h"
#include "watchpoints/arm/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace stakeout {
namespace {

std::string file_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// As percent(), narrower.
std::string share(std::uint64_t part, std::uint64_t whole) {
    std::string words = percent(part, whole);
    if (words.starts_with("under ")) return "<" + words.substr(6);
    return words.starts_with("over ") ? ">" + words.substr(5) : words;
}

std::string hits_words(const Change& change) { return (change.at_least ? ">=" : "") + grouped(change.hits); }

// "deposit  ledger.c:39  [ledger]"
std::string place_of(const Writer& writer) {
    std::string place = printable(writer.function);
    if (!writer.where.empty()) place += "  " + printable(file_of(writer.where));
    if (!writer.module.empty()) place += "  [" + printable(file_of(writer.module)) + "]";
    return place;
}

std::string change_of(const Writer& writer) {
    const bool often = !writer.changes.empty() && writer.changes.front().hits > 1;
    if (!often && !writer.last) return {};
    const Change& change = often ? writer.changes.front() : *writer.last;
    const std::string words =
        writer.access == Access::Read
            ? value_words(change.new_value)
            : fmt::format("{} -> {}", value_words(change.old_value), value_words(change.new_value));
    if (often)
        return fmt::format("{} {}{} times", words, change.at_least ? "at least " : "", grouped(change.hits));
    return writer.hits > 1 ? words + " at last" : words;
}

std::string tasks_of(const Writer& writer) {
    if (writer.tasks.empty()) return {};
    std::string tasks = printable(task_words(writer.tasks.front()));
    if (writer.tasks_total > 1) tasks += fmt::format(" +{}", grouped(writer.tasks_total - 1));
    return tasks;
}

// What was left out below a table, or nothing.
std::string rest(std::uint64_t all, std::size_t shown, std::string_view what, bool at_least = false) {
    if (all <= shown) return {};
    return fmt::format("{}{} more {}; --top shows more\n", at_least ? "at least " : "", grouped(all - shown),
                       what);
}

// Below a writer: what it changed, and who called it last.
std::string second_line(const Report& report, const Writer& writer) {
    std::string line = change_of(writer);
    if (const std::string caller = caller_of(report, writer.stack); !caller.empty())
        line += (line.empty() ? "" : "  ") + ("last called by " + printable(caller));
    constexpr std::size_t indent = 28; // to the column of the functions
    return line.empty() ? line : clipped_columns(std::string(indent, ' ') + line, 100) + "\n";
}

std::string by_function(const Report& report, std::size_t top) {
    TextTable table({{"hits", 9, true}, {"share", 6, true}, {"access", 8}, {"function", 48}, {"task", 23}});
    const std::size_t shown = std::min(top, report.writers.size());
    for (std::size_t i = 0; i < shown; ++i) {
        const Writer& writer = report.writers[i];
        table.add({grouped(writer.hits), share(writer.hits, report.shown),
                   std::string(to_word(writer.access)), place_of(writer), tasks_of(writer)});
        table.add_line(second_line(report, writer));
    }
    return table.text() + rest(report.writers_total, shown, "instructions");
}

std::string by_task(const Report& report, std::size_t top) {
    std::vector<const TaskHits*> tasks;
    for (const TaskHits& task : report.tasks)
        if (task.hits != 0) tasks.push_back(&task);
    std::stable_sort(tasks.begin(), tasks.end(),
                     [](const TaskHits* a, const TaskHits* b) { return a->hits > b->hits; });
    TextTable table(
        {{"hits", 9, true}, {"share", 6, true}, {"pid", 8, true}, {"tid", 8, true}, {"task", 58}});
    const std::size_t shown = std::min(top, tasks.size());
    for (std::size_t i = 0; i < shown; ++i)
        table.add({grouped(tasks[i]->hits), share(tasks[i]->hits, report.shown),
                   fmt::format("{}", tasks[i]->pid), fmt::format("{}", tasks[i]->tid),
                   tasks[i]->comm.empty() ? "(unknown task)" : printable(tasks[i]->comm)});
    return table.text() + rest(tasks.size(), shown, "tasks", report.tasks_at_least);
}

std::string by_value(const Report& report, std::size_t top) {
    TextTable table({{"hits", 11, true}, {"share", 6, true}, {"value left behind", 36}, {"target", 38}});
    const auto values = static_cast<std::size_t>(std::min<std::uint64_t>(top, report.values.size()));
    for (std::size_t i = 0; i < values; ++i) {
        const Change& change = report.values[i];
        const bool known = change.target < report.armed.targets.size();
        table.add({hits_words(change), share(change.hits, report.shown), value_words(change.new_value),
                   known ? printable(report.armed.targets[change.target].name) : "?"});
    }
    const bool some = std::any_of(report.values.begin(), report.values.end(),
                                  [](const Change& change) { return change.at_least; });
    return table.text() + rest(report.values.size(), values, "values") +
           (some ? "Values that came seldom are not all kept apart.\n" : "");
}

void append_frames(std::string& to, const Report& report, const std::vector<std::uint32_t>& frames,
                   std::string_view title) {
    for (const std::uint32_t number : frames) {
        const ReportFrame& frame = report.frames[number];
        std::string line = fmt::format("    {:<6}  {}", title, printable(frame.symbol));
        if (!frame.where.empty()) line += "  " + printable(frame.where);
        if (!frame.module.empty()) line += "  [" + printable(file_of(frame.module)) + "]";
        to += clipped_columns(line, 100) + "\n";
        title = "";
    }
}

std::string by_stack(const Report& report, std::size_t top) {
    std::vector<std::uint32_t> order(report.stacks.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&report](std::uint32_t a, std::uint32_t b) {
        return report.stacks[a].hits > report.stacks[b].hits;
    });
    std::string text;
    const std::size_t shown = std::min(top, order.size());
    std::uint64_t known = 0;
    for (const ReportStack& stack : report.stacks) known += stack.hits;
    for (std::size_t i = 0; i < shown; ++i) {
        const ReportStack& stack = report.stacks[order[i]];
        text += fmt::format("{}  {}\n", counted(stack.hits, "hit", "hits"), share(stack.hits, report.shown));
        append_frames(text, report, stack.kernel, "kernel");
        append_frames(text, report, stack.user, "user");
    }
    if (known < report.shown)
        text += fmt::format("{} have stacks that are not kept, or none\n",
                            counted(report.shown - known, "hit", "hits"));
    return text + rest(report.stacks.size(), shown, "stacks");
}

} // namespace

std::optional<ReportBy> report_by(std::string_view word) {
    if (word == "function") return ReportBy::Function;
    if (word == "task") return ReportBy::Task;
    if (word == "stack") return ReportBy::Stack;
    if (word == "value") return ReportBy::Value;
    return std::nullopt;
}

std::string text_report(const Report& report, ReportBy by, std::size_t top) {
    const Verdict verdict = verdict_of(report);
    std::string text = wrapped(printable(verdict.headline), 100, "") + "\n";
    for (const std::string& line : verdict.lines) text += wrapped(printable(line), 100, "  ") + "\n";
    for (const std::string& damage : report.damage) text += wrapped(printable(damage), 100, "  ") + "\n";
    if (report.shown == 0) return text;
    text += "\n";
    switch (by) {
    case ReportBy::Function:
        return text + by_function(report, top);
    case ReportBy::Task:
        return text + by_task(report, top);
    case ReportBy::Stack:
        return text + by_stack(report, top);
    case ReportBy::Value:
        break;
    }
    return text + by_value(report, top);
}

} // namespace stakeout
