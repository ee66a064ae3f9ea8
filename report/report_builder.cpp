#include "report/report_builder.h"

#include "report/text_hash.h"

#include <algorithm>

namespace stakeout {
namespace {

constexpr std::size_t most_looks = 500, most_brakes = 2000, most_coverage = 400, most_texts = 100;
constexpr std::size_t most_fields = 64, most_snapshots = 8;
constexpr std::size_t most_snapshot_bytes = 1024;                  // of one
constexpr std::size_t most_bytes_of_all = std::size_t{384} << 10U; // of all snapshots
// Four debug registers watch half of it; what is wider is no real recording's.
constexpr std::size_t widest_value = 64;
constexpr std::size_t values_kept = 64, values_shown = 50;

std::vector<bool> signs(const Armed& armed) {
    std::vector<bool> is_signed;
    is_signed.reserve(armed.targets.size());
    for (const Target& target : armed.targets) is_signed.push_back(target.is_signed);
    return is_signed;
}

Armed with_clipped_names(Armed armed) {
    for (Target& target : armed.targets) {
        target.name = clipped(target.name);
        target.type = clipped(target.type);
        target.note = clipped(target.note);
    }
    armed.watch = clipped(armed.watch, 64);
    armed.script = clipped(armed.script);
    if (armed.guest) {
        armed.guest->domain_name = clipped(armed.guest->domain_name);
        armed.guest->backend = clipped(armed.guest->backend);
        for (std::string& blind_spot : armed.guest->blind_spots) blind_spot = clipped(blind_spot);
    }
    return armed;
}

bool is_too_wide(const std::optional<Value>& value) { return value && value->bytes.size() > widest_value; }

// What is shown of it; returns how many bytes of memory are not.
std::uint64_t clip(ScriptSays& says, std::size_t bytes_left) {
    std::uint64_t left_out = 0;
    if (says.fields.size() > most_fields) says.fields.resize(most_fields);
    for (ScriptField& field : says.fields) {
        field.name = clipped(field.name, 128);
        field.text = clipped(field.text);
    }
    for (std::size_t i = 0; i < says.snapshots.size(); ++i) {
        std::vector<std::uint8_t>& bytes = says.snapshots[i].bytes;
        const std::size_t keep =
            i < most_snapshots ? std::min({bytes.size(), most_snapshot_bytes, bytes_left}) : 0;
        left_out += bytes.size() - keep;
        bytes_left -= keep;
        bytes.resize(keep);
    }
    if (says.snapshots.size() > most_snapshots) says.snapshots.resize(most_snapshots);
    return left_out;
}

std::size_t bytes_of(const ScriptSays& says) {
    std::size_t bytes = 0;
    for (const Snapshot& snapshot : says.snapshots) bytes += snapshot.bytes.size();
    return bytes;
}

} // namespace

ReportBuilder::ReportBuilder(const Options& options)
    : options_(options), values_(values_kept), timeline_(std::vector<bool>{}), looks_(most_looks),
      brakes_(most_brakes), coverage_(most_coverage), notices_(most_texts), damage_(most_texts) {}

void ReportBuilder::set_facts(const ReportFacts& facts) {
    facts_ = facts;
    for (std::string* text : {&facts_.stakeout, &facts_.watch_name, &facts_.host, &facts_.kernel})
        *text = clipped(*text);
}

void ReportBuilder::add_damage(std::string_view text) { damage_.add(clipped(text)); }

void ReportBuilder::on_armed(const Armed& armed) {
    armed_ = with_clipped_names(armed);
    timeline_ = TimelineBuilder(signs(armed_));
    if (armed.at_ns != 0) start_ns_ = armed.at_ns;
}

std::uint64_t ReportBuilder::us(std::uint64_t time_ns) {
    if (!start_ns_) start_ns_ = time_ns;
    const std::uint64_t t_us = time_ns > *start_ns_ ? (time_ns - *start_ns_) / 1000 : 0;
    latest_us_ = std::max(latest_us_, t_us);
    return t_us;
}

void ReportBuilder::count_access(Access access) {
    if (access == Access::Read) ++reads_;
    if (access == Access::Write) ++writes_;
    if (access == Access::Execute) ++executed_;
}

void ReportBuilder::on_hit(const Hit& hit) {
    if (is_too_wide(hit.old_value) || is_too_wide(hit.new_value)) {
        Hit without_values = hit;
        without_values.old_value.reset();
        without_values.new_value.reset();
        count(without_values);
    } else {
        count(hit);
    }
}

void ReportBuilder::count(const Hit& hit) {
    const std::uint64_t t_us = us(hit.time_ns);
    if (options_.since_ns && hit.time_ns < *options_.since_ns) return;
    ++shown_;
    count_access(hit.access);
    const bool task_known = !hit.guest || hit.guest->task_known;
    const std::string_view comm = task_known ? std::string_view(hit.comm) : std::string_view();
    const std::uint32_t task = tasks_.number_of(comm, task_known ? hit.pid : 0, task_known ? hit.tid : 0);
    const std::uint32_t comm_number = names_.number_of(tasks_.tasks()[task].comm);
    const std::uint32_t stack = stacks_.number_of(hit);
    flame_.add(hit, comm_number, stack, tasks_.tasks()[task].comm);
    const std::size_t writer = writers_.add(hit, t_us, task, stack);
    timeline_.add(hit.target_index, t_us, hit.new_value ? hit.new_value : hit.old_value);
    if (hit.width != 0 && hit.new_value)
        values_.add(hash_of(hit.new_value, hash_seed() + hit.target_index), hit.target_index, std::nullopt,
                    hit.new_value);
    fill_row(hit, t_us, task, writer, stack);
    if (hit.says) add_says(*hit.says, ReportLook::Where::Hit, hit.seq, hit.time_ns, hit.cpu);
    for (const Look& look : hit.looks) on_look(look);
}

void ReportBuilder::fill_row(const Hit& hit, std::uint64_t t_us, std::uint32_t task, std::size_t writer,
                             std::uint32_t stack) {
    row_.seq = hit.seq;
    row_.t_us = t_us;
    row_.cpu = hit.guest ? hit.guest->vcpu.value_or(0) : hit.cpu;
    row_.task = task;
    row_.function = names_.number_of(writers_.function(writer));
    row_.target = static_cast<std::uint32_t>(hit.target_index);
    row_.stack = stack;
    row_.access = hit.access;
    row_.old_value = hit.width != 0 ? hit.old_value : std::nullopt;
    row_.new_value = hit.width != 0 ? hit.new_value : std::nullopt;
    rows_.add(row_);
}

void ReportBuilder::add_says(const ScriptSays& says, ReportLook::Where where, std::uint64_t hit,
                             std::uint64_t time_ns, std::uint32_t cpu) {
    ReportLook look{where, hit, us(time_ns), cpu, says, 0};
    look.bytes_left_out = clip(look.says, most_bytes_of_all - snapshot_bytes_);
    snapshot_bytes_ += bytes_of(look.says);
    looks_.add(std::move(look));
}

void ReportBuilder::on_look(const Look& look) {
    if (options_.since_ns && look.time_ns < *options_.since_ns) return;
    const bool in_task = look.where == Look::Where::Task;
    add_says(look.says, in_task ? ReportLook::Where::Task : ReportLook::Where::Softirq, look.hit,
             look.time_ns, look.cpu);
}

void ReportBuilder::on_notice(const Notice& notice) { notices_.add(clipped(notice.text)); }

void ReportBuilder::on_brake(const BrakeInterval& interval) {
    const BrakeSpan span{us(interval.from_ns), us(interval.to_ns), interval.cpu};
    braked_us_ += span.to_us - std::min(span.from_us, span.to_us);
    brakes_.add(span);
}

void ReportBuilder::on_coverage(const CoverageChange& change) {
    const std::uint64_t at_ns = change.gap_to_ns != 0 ? change.gap_to_ns : change.gap_from_ns;
    CoverageStep step{at_ns != 0 ? us(at_ns) : latest_us_, change};
    step.change.reason = clipped(step.change.reason);
    coverage_.add(std::move(step));
}

void ReportBuilder::on_summary(const Summary& summary) {
    summary_ = summary;
    summary_->reason = clipped(summary.reason);
}

Report ReportBuilder::report(std::uint64_t now_ns) const {
    Report report;
    report.facts = facts_;
    report.armed = armed_;
    const std::uint64_t start_ns = start_ns_.value_or(0);
    report.start_wall_ns = armed_.wall_ahead_ns + static_cast<std::int64_t>(start_ns);
    report.end_us = latest_us_;
    if (summary_) report.end_us = std::max(report.end_us, summary_->duration_ns / 1000);
    if (now_ns > start_ns && start_ns_) report.end_us = std::max(report.end_us, (now_ns - start_ns) / 1000);
    if (options_.since_ns)
        report.since_us = *options_.since_ns > start_ns ? (*options_.since_ns - start_ns) / 1000 : 0;

    report.shown = shown_;
    report.reads = reads_;
    report.writes = writes_;
    report.executed = executed_;
    report.functions = writers_.functions();
    report.functions_at_least = writers_.hits_of_none() != 0;
    report.tasks_total = tasks_.known();
    report.tasks_at_least = !tasks_.is_complete();
    report.summary = summary_;
    report.lost_from_recording = lost_from_recording_;
    report.begins_late = begins_late_;
    report.damage = damage_.kept();
    report.notices = notices_.kept();

    report.coverage = coverage_.kept();
    report.coverage_left_out = coverage_.left_out();
    report.braked = brakes_.total();
    report.braked_us = braked_us_;
    report.brakes = brakes_.kept();
    report.brakes_left_out = brakes_.left_out();

    report.timeline = timeline_.timeline();
    report.flame = flame_.tree(options_.most_flame_nodes);
    report.writers = writers_.most_frequent(options_.most_writers, tasks_);
    report.writers_total = writers_.size();
    report.hits_of_no_writer = writers_.hits_of_none();
    report.tasks = tasks_.tasks();
    report.values = values_.most_frequent(values_shown);
    report.frames = stacks_.frames();
    report.stacks = stacks_.stacks();
    report.looks = looks_.kept();
    report.looks_total = looks_.total();
    report.rows = rows_.rows();
    report.rows_how = rows_.how();
    report.strings = names_.texts();
    if (shown_ != 0) report.last = row_;
    return report;
}

} // namespace stakeout
