// Stacks with counts, one a line: "comm;outermost;...;innermost COUNT", as flame-graph tools read them.
// Kernel frames carry the suffix _[k]. Written when the watch ends; everything that is not a stack goes to
// stderr as text.
#include "base/printable.h"
#include "tools/output/folded_frame.h"
#include "tools/output/output_stream.h"
#include "tools/output/sinks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <ranges>

namespace stakeout {
namespace {

class FoldedSink final : public WatchListener {
  public:
    FoldedSink(int out_fd, int error_fd) : out_(out_fd), text_(make_text_sink(error_fd, error_fd, {})) {}

    void on_armed(const Armed& armed) override { text_->on_armed(armed); }
    void on_notice(const Notice& notice) override { text_->on_notice(notice); }
    void on_brake(const BrakeInterval& interval) override { text_->on_brake(interval); }
    void on_look(const Look& look) override { (void)look; } // stacks are counted, and it has none
    void on_coverage(const CoverageChange& change) override { text_->on_coverage(change); }

    void on_hit(const Hit& hit) override {
        std::string stack = printable(hit.comm);
        std::replace(stack.begin(), stack.end(), ';', ':');
        for (const Frame& frame : std::views::reverse(hit.user_stack)) stack += ";" + frame_name(frame);
        for (const Frame& frame : std::views::reverse(hit.kernel_stack))
            stack += ";" + frame_name(frame) + "_[k]";
        ++counts_[stack];
    }

    void on_summary(const Summary& summary) override {
        for (const auto& [stack, count] : counts_) out_.append(fmt::format("{} {}\n", stack, count));
        text_->on_summary(summary);
    }

    bool flush() override {
        (void)text_->flush();
        return out_.flush();
    }
    [[nodiscard]] bool has_room() const override { return true; }
    [[nodiscard]] bool is_behind() const override { return out_.is_behind() || text_->is_behind(); }
    [[nodiscard]] std::uint64_t written() const override { return out_.total() + text_->written(); }

  private:
    OutputStream out_;
    std::unique_ptr<WatchListener> text_;
    std::map<std::string, std::uint64_t> counts_;
};

} // namespace

std::unique_ptr<WatchListener> make_folded_sink(int out_fd, int error_fd) {
    return std::make_unique<FoldedSink>(out_fd, error_fd);
}

} // namespace stakeout
