// Chrome's trace events: an instant event for each hit at its thread, a counter for each target's value, and
// slices for the intervals in which a CPU was not watched. Times are microseconds of CLOCK_MONOTONIC.
#include "base/json_writer.h"
#include "export/formats.h"
#include "export/stream_export.h"
#include "watchpoints/arm/words.h"

#include <fmt/format.h>

#include <set>

namespace stakeout {
namespace {

// No process has such a number: pid_max is 2^22.
constexpr std::uint64_t watch_pid = 10'000'000;

std::string frame_text(const Frame& frame) {
    std::string text = frame.symbol.empty() ? fmt::format("{:#x}", frame.ip)
                                            : fmt::format("{}+{:#x}", frame.symbol, frame.offset);
    if (!frame.file.empty()) text += fmt::format(" {}:{}", frame.file, frame.line);
    if (!frame.module.empty()) text += fmt::format(" [{}]", frame.module);
    return text;
}

std::string in_us(std::uint64_t ns) { return fmt::format("{}.{:03}", ns / 1000, ns % 1000); }

// What a counter can show: the value as a number, where it is at most eight bytes wide.
std::optional<std::string> number_text(const Value& value, bool is_signed) {
    constexpr std::size_t widest = 8;
    if (value.bytes.empty() || value.bytes.size() > widest) return std::nullopt;
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < value.bytes.size(); ++i) number |= std::uint64_t{value.bytes[i]} << 8U * i;
    if (!is_signed) return std::to_string(number);
    const std::size_t unused = 8 * (widest - value.bytes.size());
    return std::to_string(static_cast<std::int64_t>(number << unused) >> unused);
}

class PerfettoExport final : public StreamExport {
  public:
    explicit PerfettoExport(int fd) : StreamExport(fd) {
        out().append("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
        name("process_name", watch_pid, 0, "stakeout");
    }

    void on_armed(const Armed& armed) override {
        targets_ = armed.targets;
        for (const std::uint32_t cpu : armed.cpus_online)
            name("thread_name", watch_pid, cpu, fmt::format("CPU {}", cpu));
        for (std::size_t i = 0; i < armed.targets.size(); ++i)
            if (i < armed.values.size() && armed.values[i]) count(i, *armed.values[i], armed.at_ns);
    }

    void on_hit(const Hit& hit) override {
        if (named_.insert({hit.pid, hit.tid}).second) {
            if (hit.pid == hit.tid) name("process_name", hit.pid, hit.tid, hit.comm);
            name("thread_name", hit.pid, hit.tid, hit.comm);
        }
        JsonWriter event(out().buffer());
        begin(event, "i", fmt::format("{} {}", to_word(hit.access), hit.target), hit.time_ns);
        event.text("cat", "hit");
        event.text("s", "t");
        event.number("pid", hit.pid);
        event.number("tid", hit.tid);
        event.begin_object("args");
        write_hit(event, hit);
        event.end_object();
        event.end_object();
        if (hit.new_value) count(hit.target_index, *hit.new_value, hit.time_ns);
    }

    void on_look(const Look& look) override {
        JsonWriter event(out().buffer());
        begin(event, "i", fmt::format("look at hit {}", look.hit), look.time_ns);
        event.text("cat", "look");
        event.text("s", "t");
        event.number("pid", watch_pid);
        event.number("tid", look.cpu);
        event.end_object();
    }

    void on_brake(const BrakeInterval& interval) override {
        slice("not watched: brake", interval.cpu, interval.from_ns, interval.to_ns);
    }

    void on_coverage(const CoverageChange& change) override {
        if (change.gap_to_ns != 0)
            slice("not watched: " + change.reason, change.cpu, change.gap_from_ns, change.gap_to_ns);
    }

    void on_summary(const Summary& summary) override {
        (void)summary;
        out().append("\n]}\n");
    }

  private:
    void begin(JsonWriter& event, std::string_view phase, std::string_view what, std::uint64_t time_ns) {
        out().append(first_ ? "\n" : ",\n");
        first_ = false;
        event.begin_object();
        event.text("ph", phase);
        event.text("name", what);
        event.raw("ts", in_us(time_ns));
    }

    void name(std::string_view kind, std::uint64_t pid, std::uint64_t tid, std::string_view text) {
        JsonWriter event(out().buffer());
        begin(event, "M", kind, 0);
        event.number("pid", pid);
        event.number("tid", tid);
        event.begin_object("args");
        event.text("name", text);
        event.end_object();
        event.end_object();
    }

    void slice(std::string_view what, std::uint32_t cpu, std::uint64_t from_ns, std::uint64_t to_ns) {
        JsonWriter event(out().buffer());
        begin(event, "X", what, from_ns);
        event.raw("dur", in_us(to_ns > from_ns ? to_ns - from_ns : 0));
        event.text("cat", "coverage");
        event.number("pid", watch_pid);
        event.number("tid", cpu);
        event.end_object();
    }

    void count(std::size_t target, const Value& value, std::uint64_t time_ns) {
        if (target >= targets_.size()) return;
        const auto number = number_text(value, targets_[target].is_signed);
        if (!number) return;
        JsonWriter event(out().buffer());
        begin(event, "C", targets_[target].name, time_ns);
        event.number("pid", watch_pid);
        event.number("tid", 0);
        event.begin_object("args");
        event.raw("value", *number);
        event.end_object();
        event.end_object();
    }

    static void write_hit(JsonWriter& event, const Hit& hit) {
        event.number("seq", hit.seq);
        event.number("cpu", hit.cpu);
        event.hex("address", hit.address);
        if (hit.old_value) event.text("old", hit.old_value->hex());
        if (hit.new_value) event.text("new", hit.new_value->hex());
        event.hex("ip", hit.ip);
        if (hit.instruction) event.text("instruction", hit.instruction->text);
        for (const auto& [key, stack] :
             {std::pair("kernel_stack", &hit.kernel_stack), std::pair("user_stack", &hit.user_stack)}) {
            event.begin_list(key);
            for (const Frame& frame : *stack) event.text({}, frame_text(frame));
            event.end_list();
        }
    }

    std::vector<Target> targets_;
    std::set<std::pair<std::uint32_t, std::uint32_t>> named_; // pid, tid
    bool first_ = true;
};

} // namespace

std::unique_ptr<WatchListener> make_perfetto_export(int fd) { return std::make_unique<PerfettoExport>(fd); }

} // namespace stakeout
