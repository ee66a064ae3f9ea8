// `stakeout top`: the running watches, refreshed, with keys to renew and remove them.
#include "base/printable.h"
#include "tools/options/duration.h"
#include "tools/stakeout/ask_watch.h"
#include "tools/stakeout/commands.h"
#include "tools/stakeout/failure.h"
#include "tools/stakeout/slot_holders.h"
#include "tools/stakeout/top_screen.h"
#include "tools/stakeout/watch_status_text.h"
#include "tools/stakeout/watch_table.h"
#include "watchpoints/arm/online_cpus.h"
#include "watchpoints/arm/slot_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace stakeout {
namespace {

using Json = nlohmann::ordered_json;
using Style = ScreenLine::Style;

class Top {
  public:
    Top(RunFolder folder, TopScreen screen, std::chrono::nanoseconds ttl, int interval_ms)
        : folder_(std::move(folder)), screen_(std::move(screen)), ttl_(ttl), interval_ms_(interval_ms) {}

    int run() {
        for (;;) {
            look();
            screen_.draw(lines());
            const TopScreen::Key key = screen_.key(interval_ms_);
            if (key == TopScreen::Key::Quit) return 0;
            if (key != TopScreen::Key::None) handle(key);
        }
    }

  private:
    void look() {
        watches_.clear();
        silent_.clear();
        for (FoundWatch& found : running_watches(folder_)) {
            if (auto* status = std::get_if<WatchStatus>(&found))
                watches_.push_back(std::move(*status));
            else
                silent_.push_back(std::get<SilentWatch>(found));
        }
        if (selected_ >= watches_.size()) selected_ = watches_.empty() ? 0 : watches_.size() - 1;
    }

    // From who holds them: taking them to see what is free would be in the way of a watch that is being
    // armed.
    static std::string slots_line() {
        auto cpus = online_cpus();
        auto holders = slot_holders();
        if (!cpus || !holders) return "slots: unknown";
        std::string line = "slots in use";
        for (const std::uint32_t cpu : *cpus) {
            const auto used = std::ranges::count_if(
                *holders, [cpu](const SlotHolder& holder) { return holder.cpu == static_cast<int>(cpu); });
            line += fmt::format("  CPU {}: {}/{}", cpu, used, slots_per_cpu);
        }
        return line;
    }

    [[nodiscard]] std::vector<ScreenLine> lines() const {
        std::vector<ScreenLine> all;
        double rate = 0;
        for (const WatchStatus& status : watches_) rate += status.rate;
        all.push_back({Style::Title, fmt::format("stakeout  {} watches  {} in all",
                                                 watches_.size() + silent_.size(), short_rate(rate))});
        all.push_back({Style::Plain, slots_line()});
        all.push_back({});
        all.push_back({Style::Faint, watch_table_head()});
        for (std::size_t i = 0; i < watches_.size(); ++i)
            all.push_back({style_of(i), watch_table_row(watches_[i])});
        for (const SilentWatch& silent : silent_)
            all.push_back(
                {Style::Alarm, fmt::format("{:<12} pid {}: {}", silent.name, silent.pid, silent.why)});
        if (watches_.empty() && silent_.empty()) all.push_back({Style::Plain, "no watch runs"});
        add_hottest(all);
        all.push_back({});
        all.push_back(
            {question_.empty() ? Style::Faint : Style::Alarm, question_.empty() ? help() : question_});
        if (!said_.empty()) all.push_back({Style::Plain, said_});
        return all;
    }

    [[nodiscard]] Style style_of(std::size_t index) const {
        if (index == selected_) return Style::Selected;
        const WatchStatus& status = watches_[index];
        return status.cpus_armed.size() < status.cpus_online || !status.cpus_braked.empty() ? Style::Alarm
                                                                                            : Style::Plain;
    }

    void add_hottest(std::vector<ScreenLine>& all) const {
        if (selected_ >= watches_.size()) return;
        const WatchStatus& status = watches_[selected_];
        all.push_back({});
        all.push_back({Style::Faint, fmt::format("hottest stacks of {}", status.name)});
        for (const HotStack& hot : status.hottest)
            all.push_back({Style::Plain, fmt::format("{:>9}  {}", hot.hits, printable(hot.frames))});
        if (status.hottest.empty()) all.push_back({Style::Plain, "          no hit yet"});
    }

    [[nodiscard]] std::string help() const {
        return fmt::format("up, down: choose   r: renew for {}   d: remove   q: quit",
                           short_duration(std::chrono::duration<double>(ttl_).count()));
    }

    void handle(TopScreen::Key key) {
        using Key = TopScreen::Key;
        if (!question_.empty()) {
            if (key == Key::Yes) remove();
            question_.clear();
            return;
        }
        said_.clear();
        if (key == Key::Up && selected_ > 0) --selected_;
        if (key == Key::Down && selected_ + 1 < watches_.size()) ++selected_;
        if (selected_ >= watches_.size()) return;
        chosen_ = watches_[selected_].name; // the list may change before the answer comes
        if (key == Key::Renew) renew();
        if (key == Key::Remove) question_ = fmt::format("remove {}? y: yes, another key: no", chosen_);
    }

    void renew() {
        auto asked = ask_watch(chosen_, Json{{"v", 1}, {"op", "renew"}, {"ttl_ns", ttl_.count()}});
        said_ = asked ? chosen_ + " is renewed" : asked.error().sentence();
    }

    void remove() {
        auto asked = ask_watch(chosen_, Json{{"v", 1}, {"op", "remove"}});
        said_ = asked ? chosen_ + " is removed" : asked.error().sentence();
    }

    RunFolder folder_;
    TopScreen screen_;
    std::chrono::nanoseconds ttl_;
    int interval_ms_;
    std::vector<WatchStatus> watches_;
    std::vector<SilentWatch> silent_;
    std::size_t selected_ = 0;
    std::string chosen_, question_, said_;
};

struct TopOptions {
    std::string ttl = "10m", interval = "1s";
};

int run_top(const TopOptions& options) {
    auto ttl = parse_time_to_live(options.ttl);
    if (!ttl) return fail(ttl.error());
    auto interval = parse_duration(options.interval);
    if (!interval) return fail(interval.error());
    const auto interval_ms = std::chrono::duration_cast<std::chrono::milliseconds>(*interval);
    if (interval_ms < std::chrono::milliseconds(100) || interval_ms > std::chrono::minutes(1))
        return fail(usage_error("use --interval " + options.interval, "it is not between 100ms and 1m"));
    auto folder = RunFolder::open();
    if (!folder) return fail(folder.error());
    auto screen = TopScreen::open();
    if (!screen) return fail(screen.error());
    return Top(std::move(*folder), std::move(*screen), *ttl, static_cast<int>(interval_ms.count())).run();
}

} // namespace

Command add_top_command(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("top", "Show the running watches, refreshed; renew and remove them by keys");
    auto options = std::make_shared<TopOptions>();
    command->add_option("--ttl", options->ttl, "What the key r renews for")->capture_default_str();
    command->add_option("--interval", options->interval, "Time between two looks")->capture_default_str();
    command->footer("Manual: man stakeout-top");
    return {command, [options] { return run_top(*options); }};
}

} // namespace stakeout
