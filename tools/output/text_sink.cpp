#include "base/printable.h"
#include "tools/output/frame_text.h"
#include "tools/output/guest_text.h"
#include "tools/output/output_stream.h"
#include "tools/output/script_text.h"
#include "tools/output/sinks.h"
#include "tools/output/wall_clock.h"

#include <fmt/format.h>

#include <iterator>
#include <unordered_map>

namespace stakeout {

namespace {

std::string value_text(const std::optional<Value>& value) { return value ? value->hex() : "?"; }

std::string seconds(std::uint64_t ns) { return fmt::format("{:.3f} s", static_cast<double>(ns) / 1e9); }

class TextSink : public WatchListener {
  public:
    TextSink(int out_fd, int error_fd, const SinkOptions& options)
        : out_(out_fd), error_(error_fd), colour_(options.colour) {
        if (options.wall_ahead_ns != 0) clock_ = WallClock(options.wall_ahead_ns);
    }

    void on_armed(const Armed& armed) override {
        if (armed.wall_ahead_ns != 0) clock_ = WallClock(armed.wall_ahead_ns);
        if (armed.guest) {
            for (const std::string& line : guest_armed_lines(armed)) say(line);
            return;
        }
        for (std::size_t i = 0; i < armed.targets.size(); ++i) {
            const Target& target = armed.targets[i];
            std::string line = fmt::format("watching {}", printable(target.name));
            if (!target.type.empty()) line += fmt::format(" ({})", target.type);
            line += target.is_per_cpu()
                        ? fmt::format(", {} bytes at each CPU's base + {:#x}", target.size, target.address)
                        : fmt::format(", {} bytes at {:#x}", target.size, target.address);
            if (const auto& value = armed.values[i]) line += fmt::format(", now {}", value->hex());
            say(line);
            if (!target.note.empty()) say("  note: " + target.note);
        }
        say(fmt::format("armed for {} on {} of {} CPUs, {} slot{} each, {:.1f} ms after the start; ends by "
                        "itself in {:.0f} s",
                        to_word(armed.kind), armed.cpus_armed.size(), armed.cpus_online.size(),
                        armed.slots.size(), armed.slots.size() == 1 ? "" : "s", armed.milliseconds,
                        std::chrono::duration<double>(armed.time_to_live).count()));
        if (armed.follow_up_way)
            say(fmt::format("{} follows up {}{}", printable(armed.script), to_word(*armed.follow_up_way),
                            armed.follow_ups_pinned ? ", on the hit's CPU" : ""));
        for (const std::string& program : armed.left_out)
            say(fmt::format(
                "note: {} also has a program {}, which is not attached: only perf_event programs are",
                printable(armed.script), printable(program)));
    }

    void on_hit(const Hit& hit) override {
        std::string& to = out_.buffer();
        auto back = std::back_inserter(to);
        if (hit.guest)
            fmt::format_to(back, "{}#{}{}  {}  {}\n", bold(), hit.seq, plain(),
                           clock_.time_of_day(hit.time_ns), guest_who(hit));
        else
            fmt::format_to(back, "{}#{}{}  {}  {}  pid {}  tid {}  CPU {}\n", bold(), hit.seq, plain(),
                           clock_.time_of_day(hit.time_ns), printable(hit.comm), hit.pid, hit.tid, hit.cpu);
        fmt::format_to(back, "    {}{}{} {}", accent(hit.access), to_word(hit.access), plain(),
                       printable(hit.target));
        if (hit.width != 0)
            fmt::format_to(back, "  {} -> {}", value_text(hit.old_value), value_text(hit.new_value));
        if (hit.guest)
            to += guest_place(hit);
        else
            fmt::format_to(back, "  ({} bytes, trap at {:#x})", hit.width, hit.address);
        if (hit.traps > 1) fmt::format_to(back, "  {} traps", hit.traps);
        if (hit.unordered) to += "  unordered";
        to += '\n';
        for (const AlsoTouched& also : hit.also)
            fmt::format_to(back, "    also {}  {} -> {}\n", printable(also.target),
                           value_text(also.old_value), value_text(also.new_value));
        if (hit.instruction)
            fmt::format_to(back, "    {:#x}  {}  (ip {:#x})\n", hit.instruction->address,
                           hit.instruction->text, hit.ip);
        else if (!hit.guest || hit.guest->ip_known)
            fmt::format_to(back, "    instruction unknown  (ip {:#x})\n", hit.ip);
        if (hit.guest) to += guest_registers(hit);
        append_stack(to, "kernel", hit.kernel_stack, false);
        append_stack(to, "user  ", hit.user_stack, true);
        if (hit.says) append_script(to, *hit.says, "    ");
        if (hit.extra_lost) to += "    fields and snapshots lost: the ring had no room\n";
        if (hit.look_missed) to += "    follow-up missed: the CPU's queue was full\n";
        for (const Look& look : hit.looks) append_look(to, look, look.time_ns - hit.time_ns, "    ");
    }

    void on_look(const Look& look) override {
        std::string& to = out_.buffer();
        fmt::format_to(std::back_inserter(to), "{}#{}{}  {}\n", bold(), look.hit, plain(),
                       clock_.time_of_day(look.time_ns));
        append_look(to, look, 0, "    ");
    }

    void on_notice(const Notice& notice) override { say(notice.text); }

    void on_brake(const BrakeInterval& interval) override {
        ++braked_;
        braked_ns_ += interval.to_ns - interval.from_ns;
        // A storm brakes four times a second on each CPU: told once a second.
        if (braked_ > 1 && interval.to_ns < next_brake_word_ns_) return;
        next_brake_word_ns_ = interval.to_ns + 1'000'000'000;
        say(fmt::format(
            "brake: CPU {} was not watched for {}, from {} on, to keep the watch below a tenth of its time"
            " ({} such intervals so far, {} in all; --no-brake sees everything)",
            interval.cpu, seconds(interval.to_ns - interval.from_ns), clock_.time_of_day(interval.from_ns),
            braked_, seconds(braked_ns_)));
    }

    void on_coverage(const CoverageChange& change) override {
        std::string line = fmt::format("coverage: CPU {}: {}; ", change.cpu, change.reason);
        if (change.gap_to_ns != 0)
            line +=
                fmt::format("not watched for {} before; ", seconds(change.gap_to_ns - change.gap_from_ns));
        say(line + fmt::format("armed on {} of {} CPUs", change.cpus_armed, change.cpus_online));
    }

    void on_summary(const Summary& sum) override {
        std::string line = fmt::format("ended after {}: {}\n", seconds(sum.duration_ns), sum.reason);
        line += fmt::format("  {} hits = {} records + {} lost", sum.hits, sum.records, sum.lost);
        add_dropped_in_kernel(line, sum.dropped);
        line += fmt::format("; {} unseen by the program", sum.unseen);
        const auto add = [&line](std::uint64_t count, std::string_view what) {
            if (count != 0) line += fmt::format("; {} {}", count, what);
        };
        add(sum.joined, "further traps of the same accesses");
        add(sum.foreign, "in other processes at the same address");
        add(sum.late, "after the end");
        add(sum.filtered, "writes not shown");
        add_not_shown(line, sum.dropped);
        const auto& looks = sum.follow_ups;
        if (looks.deferred != 0)
            line += fmt::format(
                "\n  {} hits asked for a follow-up: {} looked at, {} missed for a full queue, {} not due "
                "before the end",
                looks.deferred, looks.followed, looks.missed, looks.waiting);
        if (looks.unsent != 0)
            line += fmt::format("; of those looked at {} did not fit into the ring", looks.unsent);
        if (looks.task_looks + looks.task_missed != 0)
            line +=
                fmt::format("\n  {} looks in task context, {} missed", looks.task_looks, looks.task_missed);
        add(sum.script_skipped, "hits not shown to the foreign program, for the brake");
        if (sum.guest) line += guest_summary(*sum.guest);
        if (sum.braked != 0)
            line += fmt::format("; braked {} times for {} of CPU time", sum.braked, seconds(sum.braked_ns));
        say(line);
    }

    bool flush() override {
        (void)error_.flush();
        return out_.flush();
    }
    [[nodiscard]] bool has_room() const override { return out_.has_room(); }
    [[nodiscard]] bool is_behind() const override { return out_.is_behind() || error_.is_behind(); }
    [[nodiscard]] std::uint64_t written() const override { return out_.total() + error_.total(); }

  private:
    void say(std::string_view text) {
        error_.append("stakeout: ");
        error_.append(text);
        error_.append("\n");
        (void)error_.flush();
    }

    // "12 by --when, 3 by the script"
    class Rules {
      public:
        Rules& add(std::uint64_t count, std::string_view rule) {
            if (count != 0) text_ += fmt::format("{}{} by {}", text_.empty() ? "" : ", ", count, rule);
            return *this;
        }
        [[nodiscard]] const std::string& text() const { return text_; }

      private:
        std::string text_;
    };

    static void add_dropped_in_kernel(std::string& line, const Dropped& dropped) {
        if (dropped.in_kernel() == 0) return;
        const Rules rules = Rules()
                                .add(dropped.changed, "--changed")
                                .add(dropped.from, "--only-from or --not-from")
                                .add(dropped.comm, "--comm-match")
                                .add(dropped.when, "--when")
                                .add(dropped.script, "the script");
        line += fmt::format(" + {} dropped in the kernel ({})", dropped.in_kernel(), rules.text());
    }

    static void add_not_shown(std::string& line, const Dropped& dropped) {
        if (dropped.by_reader() == 0) return;
        const Rules rules = Rules()
                                .add(dropped.reader_comm, "--comm-match")
                                .add(dropped.reader_stack, "--stack-match")
                                .add(dropped.reader_when, "--when")
                                .add(dropped.follow_up, "the script's follow-up");
        line += fmt::format("\n  of the records {} are not shown ({})", dropped.by_reader(), rules.text());
    }

    void append_look(std::string& to, const Look& look, std::uint64_t after_ns, std::string_view indent) {
        auto back = std::back_inserter(to);
        fmt::format_to(back, "{}{}", indent, look.where == Look::Where::Task ? "in the task" : "follow-up");
        if (after_ns != 0)
            fmt::format_to(back, "  {:.1f} us after the hit", static_cast<double>(after_ns) / 1e3);
        fmt::format_to(back, "  CPU {}{}\n", look.cpu,
                       look.hit_was_dropped ? "  (the hit itself was dropped)" : "");
        append_script(to, look.says, std::string(indent) + "  ");
    }

    void append_stack(std::string& to, std::string_view title, const std::vector<Frame>& stack, bool user) {
        for (std::size_t i = 0; i < stack.size(); ++i) {
            to += i == 0 ? fmt::format("    {}  ", title) : std::string(12, ' ');
            append_frame(to, stack[i], user);
            to += '\n';
        }
    }

    [[nodiscard]] std::string_view bold() const { return colour_ ? "\033[1m" : ""; }
    [[nodiscard]] std::string_view plain() const { return colour_ ? "\033[0m" : ""; }
    [[nodiscard]] std::string_view accent(Access access) const {
        if (!colour_) return "";
        return access == Access::Write ? "\033[31m" : "\033[36m";
    }

    OutputStream out_;
    OutputStream error_;
    bool colour_;
    WallClock clock_;
    std::uint64_t braked_ = 0;
    std::uint64_t braked_ns_ = 0;
    std::uint64_t next_brake_word_ns_ = 0;
};

// What a watch says that shows its hits to nobody.
class NewsSink final : public TextSink {
  public:
    explicit NewsSink(int error_fd) : TextSink(error_fd, error_fd, {}) {}
    void on_hit(const Hit&) override {}
    void on_look(const Look&) override {}
};

} // namespace

std::unique_ptr<WatchListener> make_news_sink(int error_fd) { return std::make_unique<NewsSink>(error_fd); }

std::unique_ptr<WatchListener> make_text_sink(int out_fd, int error_fd, const SinkOptions& options) {
    return std::make_unique<TextSink>(out_fd, error_fd, options);
}

} // namespace stakeout
