#include "export/export.h"

#include "export/formats.h"
#include "tools/output/sinks.h"

#include <poll.h>

#include <array>
#include <string>
#include <utility>

namespace stakeout {
namespace {

using Named = std::pair<std::string_view, ExportFormat>;
constexpr std::array formats{Named{"perf-script", ExportFormat::PerfScript},
                             Named{"folded", ExportFormat::Folded}, Named{"perfetto", ExportFormat::Perfetto},
                             Named{"pprof", ExportFormat::Pprof}, Named{"jsonl", ExportFormat::JsonLines}};

std::unique_ptr<WatchListener> make_format(ExportFormat format, int fd) {
    switch (format) {
    case ExportFormat::PerfScript:
        return make_perf_script_export(fd);
    case ExportFormat::Folded:
        return make_folded_export(fd);
    case ExportFormat::Perfetto:
        return make_perfetto_export(fd);
    case ExportFormat::Pprof:
        return make_pprof_export(fd);
    case ExportFormat::JsonLines:
        break;
    }
    return make_json_sink(fd);
}

// Sinks never wait, and a watch lets its hits wait in the kernel instead. A recording knows no such thing.
class Patient final : public WatchListener {
  public:
    Patient(std::unique_ptr<WatchListener> inner, int fd) : inner_(std::move(inner)), fd_(fd) {}

    void on_armed(const Armed& armed) override { tell(&WatchListener::on_armed, armed); }
    void on_hit(const Hit& hit) override { tell(&WatchListener::on_hit, hit); }
    void on_look(const Look& look) override { tell(&WatchListener::on_look, look); }
    void on_notice(const Notice& notice) override { tell(&WatchListener::on_notice, notice); }
    void on_brake(const BrakeInterval& interval) override { tell(&WatchListener::on_brake, interval); }
    void on_coverage(const CoverageChange& change) override { tell(&WatchListener::on_coverage, change); }
    void on_summary(const Summary& summary) override { tell(&WatchListener::on_summary, summary); }
    bool flush() override {
        wait_while(&WatchListener::is_behind, true);
        return open_;
    }
    [[nodiscard]] bool has_room() const override { return true; }
    [[nodiscard]] bool is_behind() const override { return open_ && inner_->is_behind(); }
    [[nodiscard]] std::uint64_t written() const override { return inner_->written(); }

  private:
    template <class Told>
    void tell(void (WatchListener::*what)(const Told&), const Told& told) {
        if (!open_) return;
        (*inner_.*what)(told);
        wait_while(&WatchListener::has_room, false);
    }
    void wait_while(bool (WatchListener::*question)() const, bool answer) {
        while (open_ && (*inner_.*question)() == answer) {
            open_ = inner_->flush();
            if (!open_ || (*inner_.*question)() != answer) break;
            constexpr int wait_ms = 100;
            pollfd one{fd_, POLLOUT, 0};
            (void)::poll(&one, 1, wait_ms);
        }
    }

    std::unique_ptr<WatchListener> inner_;
    int fd_;
    bool open_ = true;
};

} // namespace

Result<ExportFormat> parse_export_format(std::string_view name) {
    std::string all;
    for (const auto& [known, format] : formats) {
        if (known == name) return format;
        all += (all.empty() ? "" : ", ") + std::string(known);
    }
    return usage_error("export to '" + std::string(name) + "'", "there is no such format",
                       "name one of " + all);
}

std::unique_ptr<WatchListener> make_export(ExportFormat format, int fd) {
    return std::make_unique<Patient>(make_format(format, fd), fd);
}

} // namespace stakeout
