#include "report/verdict.h"

#include "report/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace stakeout {
namespace {

// Functions with their hits over all their instructions, most hits first.
struct FunctionHits {
    const Writer* writer = nullptr; // one of its instructions
    std::uint64_t hits = 0;
};

std::vector<FunctionHits> functions_of(const Report& report) {
    std::vector<FunctionHits> functions;
    std::map<std::pair<std::string_view, std::string_view>, std::size_t> places;
    for (const Writer& writer : report.writers) {
        const auto [place, is_new] = places.try_emplace({writer.function, writer.module}, functions.size());
        if (is_new) functions.push_back({&writer, 0});
        functions[place->second].hits += writer.hits;
    }
    std::stable_sort(functions.begin(), functions.end(),
                     [](const FunctionHits& a, const FunctionHits& b) { return a.hits > b.hits; });
    return functions;
}

std::string in_module(std::string_view module) {
    if (module.empty()) return {};
    return fmt::format(" in {}", module.substr(module.rfind('/') + 1));
}

std::string_view done_to(const Report& report) {
    if (report.reads + report.executed == 0 && report.writes == report.shown) return "written";
    if (report.reads == report.shown) return "read";
    if (report.executed == report.shown) return "executed";
    return "accessed";
}

std::string_view did(Access access) {
    switch (access) {
    case Access::Read:
        return "read";
    case Access::Write:
        return "wrote";
    case Access::Execute:
        return "executed";
    case Access::Unknown:
        break;
    }
    return "accessed";
}

std::string at_least(bool is, const std::string& words) { return is ? "at least " + words : words; }

std::string headline(const Report& report, const std::vector<FunctionHits>& functions) {
    const std::string name = targets_words(report);
    const std::string_view was = report.armed.targets.size() > 1 ? "were" : "was";
    if (report.shown == 0) return fmt::format("{}: no access was seen", name);
    const std::string times = report.shown == 1 ? "once" : fmt::format("{} times", grouped(report.shown));
    if (functions.empty()) return fmt::format("{} {} {} {}", name, was, done_to(report), times);
    const FunctionHits& most = functions.front();
    if (most.hits == report.shown)
        return fmt::format("{} {} {} {}, {}by {}", name, was, done_to(report), times,
                           report.shown == 1 ? "" : "always ", most.writer->function);
    return fmt::format("{} {} {} {}, most by {} ({})", name, was, done_to(report), times,
                       most.writer->function, percent(most.hits, report.shown));
}

std::string who_line(const Report& report, const std::vector<FunctionHits>& functions) {
    std::string line =
        fmt::format("{} in {} made {}",
                    at_least(report.functions_at_least, counted(report.functions, "function", "functions")),
                    at_least(report.tasks_at_least, counted(report.tasks_total, "task", "tasks")),
                    counted(report.shown, "access", "accesses"));
    std::string list;
    for (std::size_t i = 0; i < std::min<std::size_t>(functions.size(), 3); ++i)
        list += fmt::format("{}{}{} {}", i == 0 ? "" : ", ", functions[i].writer->function,
                            in_module(functions[i].writer->module), grouped(functions[i].hits));
    if (functions.size() > 3) list += fmt::format(" and {} more", grouped(functions.size() - 3));
    return list.empty() ? line + "." : line + ": " + list + ".";
}

std::string last_line(const Report& report) {
    const ReportRow& last = *report.last;
    const std::string target = last.target < report.armed.targets.size()
                                   ? report.armed.targets[last.target].name
                                   : std::string("it");
    const std::string task = last.task < report.tasks.size() ? task_words(report.tasks[last.task]) : "?";
    const std::string function =
        last.function < report.strings.size() ? report.strings[last.function] : std::string("?");
    std::string line = fmt::format("The last: {} in {} {} {}", function, task, did(last.access), target);
    if (last.new_value && last.access != Access::Read)
        line += fmt::format(" ({} -> {})", value_words(last.old_value), value_words(last.new_value));
    else if (last.new_value || last.old_value)
        line += fmt::format(" ({})", value_words(last.new_value ? last.new_value : last.old_value));
    if (const std::string caller = caller_of(report, last.stack); !caller.empty())
        line += ", called by " + caller;
    return line + fmt::format(", at {}, {} after arming.",
                              clock_time(report.start_wall_ns + static_cast<std::int64_t>(last.t_us) * 1000),
                              span_words(last.t_us));
}

std::string coverage_line(const Report& report) {
    const std::string_view cpus = report.armed.guest ? "vCPUs" : "CPUs";
    std::string line = fmt::format("Watched for {} on {} of {} {}", span_words(report.end_us),
                                   report.armed.cpus_armed.size(), report.armed.cpus_online.size(), cpus);
    const std::uint64_t changes = report.coverage.size() + report.coverage_left_out;
    if (changes != 0)
        line += fmt::format(", with {}", counted(changes, "change", "changes") + " of coverage");
    return line + ".";
}

// What may be missing, each a clause; empty: nothing is known to be.
std::vector<std::string> missing(const Report& report) {
    std::vector<std::string> clauses;
    const auto add = [&clauses](std::uint64_t count, std::string clause) {
        if (count != 0) clauses.push_back(std::move(clause));
    };
    if (const auto& sum = report.summary) {
        add(sum->lost, fmt::format("{} lost for want of room", counted(sum->lost, "hit was", "hits were")));
        add(sum->unseen,
            fmt::format("{} counted, but not looked at", counted(sum->unseen, "hit was", "hits were")));
        if (sum->guest && sum->guest->lost_at_most) clauses.emplace_back("the lost ones are an upper bound");
    }
    add(report.braked, fmt::format("the brake stopped watching {} for {} of CPU time",
                                   report.braked == 1 ? "once" : grouped(report.braked) + " times",
                                   span_words(report.braked_us)));
    add(report.lost_from_recording,
        fmt::format("{} into the recording",
                    counted(report.lost_from_recording, "hit did not get", "hits did not get")));
    if (report.begins_late) clauses.emplace_back("the beginning of the recording is not kept any more");
    add(report.damage.size(), "the recording is damaged");
    return clauses;
}

std::string complete_line(const Report& report) {
    const std::vector<std::string> clauses = missing(report);
    if (!clauses.empty()) {
        std::string line = "Not complete: ";
        for (std::size_t i = 0; i < clauses.size(); ++i) line += (i == 0 ? "" : "; ") + clauses[i];
        return line + ".";
    }
    const bool everywhere = report.armed.cpus_armed.size() == report.armed.cpus_online.size() &&
                            report.coverage.empty() && !report.armed.cpus_armed.empty();
    if (!report.summary)
        return report.facts.live ? "The watch goes on."
                                 : "The recording has no end: the watch may have seen more.";
    return everywhere ? "Nothing was lost, and every CPU was watched throughout." : "Nothing was lost.";
}

std::string dropped_line(const Summary& sum) {
    return fmt::format("{} not wanted, by the rules of the watch.",
                       counted(sum.dropped.in_kernel() + sum.dropped.by_reader(), "hit was", "hits were"));
}

} // namespace

std::string task_words(const TaskHits& task) {
    const std::string_view comm = task.comm.empty() ? std::string_view("(unknown task)") : task.comm;
    if (task.pid == 0 && task.tid == 0) return std::string(comm);
    if (task.pid == task.tid) return fmt::format("{} {}", comm, task.pid);
    return fmt::format("{} {}/{}", comm, task.pid, task.tid);
}

std::string caller_of(const Report& report, std::uint32_t stack) {
    if (stack >= report.stacks.size()) return {};
    const ReportStack& one = report.stacks[stack];
    const std::vector<std::uint32_t>& frames = one.kernel.empty() ? one.user : one.kernel;
    if (frames.size() < 2) return {};
    const std::string& label = report.frames[frames[1]].symbol;
    return label.substr(0, label.rfind("+0x"));
}

std::string targets_words(const Report& report) {
    const auto& targets = report.armed.targets;
    if (targets.empty()) return "The watched memory";
    if (targets.size() == 1) return targets.front().name;
    return fmt::format("{} and {} more", targets.front().name, targets.size() - 1);
}

Verdict verdict_of(const Report& report) {
    const std::vector<FunctionHits> functions = functions_of(report);
    Verdict verdict{headline(report, functions), {}};
    if (report.since_us)
        verdict.lines.push_back(fmt::format(
            "Only hits since {} are counted.",
            wall_time(report.start_wall_ns + static_cast<std::int64_t>(*report.since_us) * 1000)));
    if (report.shown != 0) verdict.lines.push_back(who_line(report, functions));
    if (report.last) verdict.lines.push_back(last_line(report));
    verdict.lines.push_back(coverage_line(report));
    verdict.lines.push_back(complete_line(report));
    if (report.summary && report.summary->dropped.in_kernel() + report.summary->dropped.by_reader() != 0)
        verdict.lines.push_back(dropped_line(*report.summary));
    return verdict;
}

} // namespace stakeout
