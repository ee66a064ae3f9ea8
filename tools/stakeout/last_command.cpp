// `stakeout last`: who wrote last, on one screen.
#include "tools/options/output_choice.h"
#include "tools/output/sinks.h"
#include "tools/output/wall_clock.h"
#include "tools/stakeout/commands.h"
#include "tools/stakeout/failure.h"
#include "tools/stakeout/hit_source.h"

#include "base/printable.h"
#include "recording/deaf_listener.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <optional>

namespace stakeout {
namespace {

constexpr std::size_t before_shown = 8;

// The last write to each target, and the accesses that came before the newest.
class LastAccesses final : public DeafListener {
  public:
    void on_armed(const Armed& armed) override { armed_ = armed; }
    void on_hit(const Hit& hit) override {
        ++hits_;
        if (recent_.size() > before_shown) {
            // Moved to the end and assigned into: strings and stacks keep their room.
            recent_.push_back(std::move(recent_.front()));
            recent_.pop_front();
            recent_.back() = hit;
        } else {
            recent_.push_back(hit);
        }
        if (hit.access == Access::Write || hit.access == Access::Unknown) last_[hit.target] = hit;
    }
    void on_summary(const Summary& summary) override { summary_ = summary; }

    std::optional<Armed> armed_;
    std::deque<Hit> recent_;          // the newest last
    std::map<std::string, Hit> last_; // by target
    std::optional<Summary> summary_;
    std::uint64_t hits_ = 0;
};

std::string function_of(const Hit& hit) {
    for (const auto* stack : {&hit.kernel_stack, &hit.user_stack})
        if (!stack->empty() && !stack->front().symbol.empty())
            return fmt::format("{}+{:#x}", printable(stack->front().symbol), stack->front().offset);
    return fmt::format("{:#x}", hit.ip);
}

std::string value_of(const std::optional<Value>& value) { return value ? value->hex() : "?"; }

void print_before(const LastAccesses& found, const WallClock& clock) {
    if (found.recent_.size() < 2) return;
    fmt::print("\nbefore it:\n");
    for (std::size_t i = found.recent_.size() - 1; i-- > 0;) {
        const Hit& hit = found.recent_[i];
        fmt::print("  #{:<8} {}  {:<7} {:<16} {} -> {}  {}[{}] {}\n", hit.seq, clock.time_of_day(hit.time_ns),
                   to_word(hit.access), printable(hit.target), value_of(hit.old_value),
                   value_of(hit.new_value), printable(hit.comm), hit.pid, function_of(hit));
    }
}

void print_last(const LastAccesses& found, bool colour) {
    std::fflush(stdout);
    const auto sink = make_text_sink(STDOUT_FILENO, STDERR_FILENO,
                                     {colour, found.armed_ ? found.armed_->wall_ahead_ns : 0});
    if (found.last_.empty())
        sink->on_hit(found.recent_.back()); // nothing was written: the last one that read
    for (const auto& [target, hit] : found.last_) sink->on_hit(hit);
    while (sink->is_behind() && sink->flush()) {
    }
}

int run_last(const std::string& what, const std::string& colour_choice) {
    auto colour = wants_colour(colour_choice);
    if (!colour) return fail(colour.error());
    auto source = find_hit_source(what);
    if (!source) return fail(source.error());
    LastAccesses found;
    auto replayed = replay(*source, found);
    if (!replayed) return fail(replayed.error());
    if (found.recent_.empty()) {
        fmt::print("nobody has touched it{}\n", source->file.empty() ? " yet" : " while it was recorded");
        return 0;
    }
    const WallClock clock(found.armed_ ? found.armed_->wall_ahead_ns : wall_ahead_ns());
    fmt::print("last of {} hits{}:\n", found.hits_,
               replayed->first_segment > 0 ? " that are still kept" : "");
    print_last(found, *colour);
    print_before(found, clock);
    return 0;
}

} // namespace

Command add_last_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand("last", "Show who wrote last, and what came before");
    auto what = std::make_shared<std::string>();
    auto colour = std::make_shared<std::string>("auto");
    command->add_option("what", *what, "A running watch's name or id, or a recording's file")->required();
    command->add_option("--color", *colour, "auto, always or never")->capture_default_str();
    command->footer("Manual: man stakeout-last");
    return {command, [what, colour] { return run_last(*what, *colour); }};
}

} // namespace stakeout
