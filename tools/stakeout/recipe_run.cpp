// A recipe that watches, from armed to its diagnosis: hits go to the recipe and, with --record, to a file;
// everything that is not a diagnosis is said on stderr.
#include "base/write_all.h"
#include "tools/output/diagnosis_output.h"
#include "tools/output/sinks.h"
#include "tools/stakeout/diagnose_options.h"
#include "tools/stakeout/failure.h"
#include "tools/stakeout/record_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

namespace stakeout {
namespace {

std::string in_format(const Diagnosis& diagnosis, const DiagnosisOutput& output) {
    switch (output.format) {
    case DiagnosisFormat::Json:
        return diagnosis_json(diagnosis);
    case DiagnosisFormat::Dot:
        return diagnosis_dot(diagnosis);
    case DiagnosisFormat::Folded:
        return diagnosis_folded(diagnosis);
    case DiagnosisFormat::Text:
        break;
    }
    return diagnosis_text(diagnosis, output.colour);
}

class RecipeListener final : public WatchListener {
  public:
    RecipeListener(Recipe& recipe, const DiagnosisOutput& output, std::unique_ptr<WatchListener> record)
        : recipe_(recipe), output_(output), record_(std::move(record)),
          words_(make_text_sink(STDERR_FILENO, STDERR_FILENO, {})) {}

    void on_armed(const Armed& armed) override {
        words_->on_armed(armed);
        if (record_) record_->on_armed(armed);
        recipe_.on_armed(armed);
    }
    void on_hit(const Hit& hit) override {
        if (record_) record_->on_hit(hit);
        recipe_.on_hit(hit);
    }
    void on_look(const Look& look) override {
        if (record_) record_->on_look(look);
        recipe_.on_look(look);
    }
    void on_notice(const Notice& notice) override {
        words_->on_notice(notice);
        if (record_) record_->on_notice(notice);
    }
    void on_brake(const BrakeInterval& interval) override {
        words_->on_brake(interval);
        if (record_) record_->on_brake(interval);
    }
    void on_coverage(const CoverageChange& change) override {
        words_->on_coverage(change);
        if (record_) record_->on_coverage(change);
        recipe_.on_coverage(change);
    }
    void on_summary(const Summary& summary) override {
        if (record_) record_->on_summary(summary);
        recipe_.on_summary(summary);
    }
    bool flush() override {
        (void)words_->flush();
        if (record_) (void)record_->flush();
        if (!enough_)
            enough_ =
                !recipe_.tick([this](const Diagnosis& d) { open_ = print_diagnosis(d, output_) && open_; });
        return open_;
    }
    [[nodiscard]] bool has_room() const override { return !record_ || record_->has_room(); }
    [[nodiscard]] bool is_behind() const override {
        return words_->is_behind() || (record_ && record_->is_behind());
    }
    [[nodiscard]] std::uint64_t written() const override {
        return words_->written() + (record_ ? record_->written() : 0);
    }
    [[nodiscard]] bool has_enough() const override { return enough_; }

  private:
    Recipe& recipe_;
    const DiagnosisOutput& output_;
    std::unique_ptr<WatchListener> record_;
    std::unique_ptr<WatchListener> words_;
    bool enough_ = false;
    bool open_ = true;
};

int exit_status(const Summary& summary) {
    return summary.ended_by == EndedBy::Failure ? internal_error("", "").exit_status() : 0;
}

} // namespace

bool print_diagnosis(const Diagnosis& diagnosis, const DiagnosisOutput& output) {
    return write_all(STDOUT_FILENO, in_format(diagnosis, output));
}

int run_recipe(SessionPlan plan, const DiagnoseOptions& options, const DiagnosisOutput& output,
               const std::function<std::unique_ptr<Recipe>()>& make_recipe) {
    auto record = open_record(options.record);
    if (!record) return fail(record.error());
    auto session = WatchSession::start(std::move(plan));
    if (!session) return fail(session.error());
    const std::unique_ptr<Recipe> recipe = make_recipe();
    RecipeListener listener(*recipe, output, *record ? make_json_sink(record->get()) : nullptr);
    const Summary summary = (*session)->run(listener);
    if (!print_diagnosis(recipe->conclude(), output))
        return fail(internal_error("print the diagnosis", "stdout is closed or full", errno));
    return exit_status(summary);
}

} // namespace stakeout
