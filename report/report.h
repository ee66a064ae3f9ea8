// A watch as it is told to people afterwards, or while it goes on: plain data.
//
// Times are microseconds since the watch was armed (`*_us`). Texts are as the watched machine gave them,
// clipped (report/string_pool.h) and otherwise untouched: who shows them escapes them. Numbers that nobody
// has told are absent.
#pragma once

#include "watchpoints/arm/watch.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

// What the hits themselves do not say.
struct ReportFacts {
    std::string stakeout;        // version that made the report
    std::int64_t made_at_ms = 0; // since 1970
    std::string watch_name;
    std::string host, kernel; // of the machine that was watched
    std::uint32_t cpus = 0;   // it has; 0: not known
    bool live = false;        // the watch goes on
};

struct TimelineBin {
    std::uint64_t hits = 0;
    std::optional<double> low, high; // of the values that were left behind; absent: not a number of 8 bytes
    std::optional<Value> last;
};
struct Timeline {
    std::uint64_t bin_us = 1;
    std::vector<std::vector<TimelineBin>> targets; // by target, then by bin; the last bin is never empty
};

struct FlameNode {
    enum class Kind : std::uint8_t { All, Task, User, Kernel, Other } kind = Kind::All;
    std::uint32_t parent = 0; // comes before its children; the root is its own
    std::uint64_t hits = 0;   // its own and its children's
    std::string name, module;
};

struct Change {
    std::size_t target = 0;
    std::optional<Value> old_value, new_value;
    std::uint64_t hits = 0;
    bool at_least = false; // there may have been more: not all changes are kept apart
};

struct TaskHits {
    std::string comm;
    std::uint32_t pid = 0, tid = 0;
    std::uint64_t hits = 0;
};

inline constexpr std::uint32_t no_stack = UINT32_MAX;

// One instruction that made accesses.
struct Writer {
    std::string function, module, where, instruction; // `where`: file:line
    Access access = Access::Unknown;
    std::vector<TaskHits> tasks; // those with most hits first, a few
    std::uint64_t tasks_total = 0;
    bool tasks_at_least = false; // there may be more of them
    std::uint64_t hits = 0;
    std::uint64_t first_us = 0, last_us = 0;
    std::vector<Change> changes;    // the most frequent first, a few
    std::optional<Change> last;     // its last one
    std::uint32_t stack = no_stack; // of its last hit that is kept
};

struct ReportFrame {
    std::string symbol, module, where; // symbol: "main+0x1f" or "0x7f12.."
};
struct ReportStack {
    std::vector<std::uint32_t> kernel, user; // indices of frames, innermost first
    std::uint64_t hits = 0;
};

struct ReportLook {
    enum class Where { Hit, Softirq, Task } where = Where::Hit;
    std::uint64_t hit = 0, t_us = 0;
    std::uint32_t cpu = 0;
    ScriptSays says;
    std::uint64_t bytes_left_out = 0; // of the snapshots
};

struct ReportRow {
    std::uint64_t seq = 0, t_us = 0;
    std::uint32_t cpu = 0, task = 0, function = 0; // indices of tasks and strings
    std::uint32_t target = 0, stack = no_stack;
    Access access = Access::Unknown;
    std::optional<Value> old_value, new_value;
};

struct CoverageStep {
    std::uint64_t t_us = 0;
    CoverageChange change;
};

struct BrakeSpan {
    std::uint64_t from_us = 0, to_us = 0;
    std::uint32_t cpu = 0;
};

struct Report {
    ReportFacts facts;
    Armed armed;
    std::int64_t start_wall_ns = 0; // the time of day when `t_us` was 0
    std::uint64_t end_us = 0;
    std::optional<std::uint64_t> since_us; // hits before are left out, everywhere

    std::uint64_t shown = 0;                           // hits that the report is made of
    std::uint64_t reads = 0, writes = 0, executed = 0; // of them
    std::uint64_t functions = 0, tasks_total = 0;
    bool functions_at_least = false, tasks_at_least = false;
    std::optional<Summary> summary; // of the watch; absent: it goes on, or its end is not recorded
    std::uint64_t lost_from_recording = 0;
    bool begins_late = false; // the recording's beginning was rotated away
    std::vector<std::string> damage;
    std::vector<std::string> notices;

    std::vector<CoverageStep> coverage;
    std::uint64_t coverage_left_out = 0;
    std::uint64_t braked = 0, braked_us = 0; // as told so far
    std::vector<BrakeSpan> brakes;
    std::uint64_t brakes_left_out = 0;

    Timeline timeline;
    std::vector<FlameNode> flame; // parents first
    std::vector<Writer> writers;  // most hits first
    std::uint64_t writers_total = 0;
    std::uint64_t hits_of_no_writer = 0; // when there were too many writers to keep apart
    std::vector<TaskHits> tasks;         // `ReportRow::task`; unsorted
    std::vector<Change> values;          // over all writers, most frequent first
    std::vector<ReportFrame> frames;
    std::vector<ReportStack> stacks;
    std::vector<ReportLook> looks;
    std::uint64_t looks_total = 0;
    std::vector<ReportRow> rows;      // in order
    std::string rows_how;             // which of all hits they are, in words
    std::vector<std::string> strings; // `ReportRow::function`
    std::optional<ReportRow> last;
};

} // namespace stakeout
