// `stakeout tail`: the hits of a running watch as they come.
#include "tools/options/bounded_number.h"
#include "tools/options/end_signals.h"
#include "tools/options/output_choice.h"
#include "tools/stakeout/ask_watch.h"
#include "tools/stakeout/commands.h"
#include "tools/stakeout/failure.h"

#include "recording/replay.h"

#include <fmt/format.h>
#include <poll.h>

#include <cstdio>
#include <memory>

namespace stakeout {
namespace {

using Json = nlohmann::ordered_json;

struct TailOptions {
    std::string watch, format = "text", colour = "auto", count;
};

// Hands hits on until enough were shown. It is in nobody's way: where the output is full, it waits.
class Tail final : public WatchListener {
  public:
    Tail(WatchListener& sink, std::uint64_t most) : sink_(sink), most_(most) {}
    void on_armed(const Armed& armed) override { sink_.on_armed(armed); }
    void on_hit(const Hit& hit) override {
        if (most_ != 0 && shown_ >= most_) return;
        ++shown_;
        sink_.on_hit(hit);
        while (!sink_.has_room() && sink_.flush()) ::poll(nullptr, 0, 5);
    }
    void on_look(const Look& look) override { sink_.on_look(look); }
    void on_notice(const Notice& notice) override { sink_.on_notice(notice); }
    void on_brake(const BrakeInterval& interval) override { sink_.on_brake(interval); }
    void on_coverage(const CoverageChange& change) override { sink_.on_coverage(change); }
    void on_summary(const Summary& summary) override { sink_.on_summary(summary); }
    bool flush() override { return sink_.flush(); }
    [[nodiscard]] bool has_room() const override { return sink_.has_room(); }
    [[nodiscard]] bool is_behind() const override { return sink_.is_behind(); }
    [[nodiscard]] std::uint64_t written() const override { return sink_.written(); }
    [[nodiscard]] bool has_enough() const override { return most_ != 0 && shown_ >= most_; }

  private:
    WatchListener& sink_;
    std::uint64_t most_, shown_ = 0;
};

bool asked_to_end(int signals) {
    pollfd one{signals, POLLIN, 0};
    return ::poll(&one, 1, 0) > 0;
}

int run_tail(const TailOptions& options) {
    auto colour = wants_colour(options.colour);
    if (!colour) return fail(colour.error());
    std::uint64_t most = 0;
    if (!options.count.empty()) {
        auto count = bounded_number("--count", options.count, 1, UINT64_MAX);
        if (!count) return fail(count.error());
        most = *count;
    }
    auto sink = make_sink(options.format, *colour);
    if (!sink) return fail(sink.error());
    auto signals = catch_signals();
    if (!signals) return fail(signals.error());
    auto asked = ask_watch(options.watch, Json{{"v", 1}, {"op", "follow"}});
    if (!asked) return fail(asked.error());

    Tail tail(**sink, most);
    Replay reading(tail);
    Status fed = done();
    auto ended = asked->client.stream([&](std::span<const std::byte> bytes) {
        fed = reading.feed(bytes);
        return fed && tail.flush() && !tail.has_enough() && !asked_to_end(signals->get());
    });
    if (!ended) return fail(ended.error());
    if (!fed) return fail(fed.error());
    while (tail.is_behind() && tail.flush() && !asked_to_end(signals->get())) ::poll(nullptr, 0, 5);
    if (const std::uint64_t missed = reading.replayed().not_recorded; missed != 0)
        fmt::print(stderr, "stakeout: {} hits are not shown: they came faster than they were read here\n",
                   missed);
    if (*ended && !reading.replayed().has_summary)
        return fail(lost_target("follow watch " + options.watch, "it ended without a word: it was killed",
                                "its slots are free; start it anew"));
    return 0;
}

} // namespace

Command add_tail_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand("tail", "Show the hits of a running watch as they come");
    auto options = std::make_shared<TailOptions>();
    command->add_option("watch", options->watch, "Its name or id")->required();
    command->add_option("--output,-o", options->format, "text, json or folded")->capture_default_str();
    command->add_option("--count", options->count, "End after that many hits");
    command->add_option("--color", options->colour, "auto, always or never")->capture_default_str();
    command->footer("Manual: man stakeout-tail");
    return {command, [options] { return run_tail(*options); }};
}

} // namespace stakeout
