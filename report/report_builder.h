// Hits -> Report, as they come: from a recording, or from a watch that goes on. Memory is bounded, whatever
// comes; a hit costs about a microsecond.
#pragma once

#include "report/bounded_list.h"
#include "report/flame_builder.h"
#include "report/report.h"
#include "report/row_sample.h"
#include "report/stack_table.h"
#include "report/string_pool.h"
#include "report/task_table.h"
#include "report/timeline_builder.h"
#include "report/writer_table.h"
#include "watchpoints/arm/watch.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

class ReportBuilder final : public WatchListener {
  public:
    struct Options {
        std::optional<std::uint64_t> since_ns; // CLOCK_MONOTONIC; hits before are left out
        std::size_t most_flame_nodes = 20'000;
        std::size_t most_writers = 200;
    };
    ReportBuilder() : ReportBuilder(Options{}) {}
    explicit ReportBuilder(const Options& options);

    void set_facts(const ReportFacts& facts);
    void add_damage(std::string_view text);     // of the recording that is read
    void begins_late() { begins_late_ = true; } // what was before is not recorded any more
    // The watch's own figures are not known; what was told of it as a summary is not its.
    void forget_summary() { summary_.reset(); }
    void add_lost_from_recording(std::uint64_t hits) { lost_from_recording_ += hits; }

    void on_armed(const Armed& armed) override;
    void on_hit(const Hit& hit) override;
    void on_look(const Look& look) override;
    void on_notice(const Notice& notice) override;
    void on_brake(const BrakeInterval& interval) override;
    void on_coverage(const CoverageChange& change) override;
    void on_summary(const Summary& summary) override;
    bool flush() override { return true; }
    [[nodiscard]] bool has_room() const override { return true; }
    [[nodiscard]] bool is_behind() const override { return false; }
    [[nodiscard]] std::uint64_t written() const override { return 0; }

    // What is known by now. `now_ns`: CLOCK_MONOTONIC, for a watch that goes on; 0: its last sign of life.
    [[nodiscard]] Report report(std::uint64_t now_ns = 0) const;

  private:
    std::uint64_t us(std::uint64_t time_ns);
    void add_says(const ScriptSays& says, ReportLook::Where where, std::uint64_t hit, std::uint64_t time_ns,
                  std::uint32_t cpu);
    void fill_row(const Hit& hit, std::uint64_t t_us, std::uint32_t task, std::size_t writer,
                  std::uint32_t stack);
    void count_access(Access access);
    void count(const Hit& hit);

    Options options_;
    ReportFacts facts_;
    Armed armed_;
    std::optional<std::uint64_t> start_ns_;
    std::uint64_t latest_us_ = 0;
    std::uint64_t shown_ = 0, reads_ = 0, writes_ = 0, executed_ = 0;
    StringPool names_; // of tasks and of writers' functions: both are bounded
    TaskTable tasks_;
    StackTable stacks_;
    FlameBuilder flame_;
    WriterTable writers_;
    FrequentChanges values_;
    TimelineBuilder timeline_;
    RowSample rows_;
    ReportRow row_; // the last hit's; its memory is used again
    BoundedList<ReportLook> looks_;
    BoundedList<BrakeSpan> brakes_;
    BoundedList<CoverageStep> coverage_;
    BoundedList<std::string> notices_, damage_;
    std::uint64_t braked_us_ = 0;
    std::size_t snapshot_bytes_ = 0; // kept so far
    std::uint64_t lost_from_recording_ = 0;
    bool begins_late_ = false;
    std::optional<Summary> summary_;
};

} // namespace stakeout
