// `stakeout diagnose deadlock`: who holds these locks, who waits, and does anybody wait in a circle?
//
// Hits tell who took a lock, where and when (lock_history.h). The present is never guessed from them: it is
// looked at (situation.h), twice, a moment apart (begin_report), when a holder has held for longer than the
// limit with others waiting, when a holder's task has ended, and when somebody asks. What both looks agree on
// is judged (troubles.h).
#pragma once

#include "loader/kernel_peek.h"
#include "scripts/deadlock/kernel_layout.h"
#include "scripts/deadlock/on_demand.h"
#include "scripts/deadlock/trouble.h"
#include "scripts/recipe.h"
#include "watchpoints/target/resolver.h"

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace stakeout {

struct DeadlockRule {
    std::optional<LockKind> kind;
    std::chrono::nanoseconds held_longer_than = std::chrono::seconds(5);
    bool once = false;       // end with the first culprit
    bool read_stdin = false; // Enter asks for a report
};

class DeadlockRecipe final : public Recipe {
  public:
    // Recognises the locks and turns the request's targets into their words. Errors: Usage and CannotArm, as
    // lock_targets.h has them; and without the right to read the kernel's memory.
    static Result<std::unique_ptr<DeadlockRecipe>> prepare(const DeadlockRule& rule, WatchRequest& request);

    void on_armed(const Armed& armed) override;
    void on_hit(const Hit& hit) override;
    void on_summary(const Summary& summary) override;
    [[nodiscard]] bool tick(const ReportDiagnosis& report) override;
    Diagnosis conclude() override;

  private:
    DeadlockRecipe() = default;
    void make_histories(std::vector<Lock> locks);
    void follow_waiters(std::uint64_t now);
    [[nodiscard]] bool is_due(std::uint64_t now);
    // A report takes three turns of the watch's loop, so that the hits of the time in between are known: a
    // first look, a second one, and the judgement, which counts only holders that are still the same then.
    struct Report {
        bool asked = false;
        std::uint64_t began_ns = 0;
        Situation before;
        std::optional<Situation> now;
    };
    void begin_report(bool asked, std::uint64_t now);
    [[nodiscard]] bool continue_report(const ReportDiagnosis& report);
    std::optional<Diagnosis> judge(const Report& report);
    void name_readers(Situation& now);
    [[nodiscard]] bool still_so(const Trouble& trouble) const;
    [[nodiscard]] bool still_held(const Trouble::Member& member) const;
    [[nodiscard]] bool still_starved(const Trouble& trouble) const;
    [[nodiscard]] bool is_told(const Trouble& trouble);
    void look_a_last_time();
    std::optional<Diagnosis> examine_past();
    [[nodiscard]] Diagnosis blank() const;
    void keep(const Diagnosis& diagnosis);
    [[nodiscard]] Diagnosis nothing_found() const;
    [[nodiscard]] std::string names() const;

    DeadlockRule rule_;
    KernelLayout layout_;
    std::unique_ptr<KernelPeek> peek_;
    std::unique_ptr<Observer> observer_;
    std::unique_ptr<OnDemand> on_demand_;
    std::optional<WatchedProcess> process_;
    std::deque<LockHistory> histories_; // by target; a deque: on_taken points to its elements
    LockOrder order_;
    WaitingSince waiting_since_;
    std::uint64_t next_look_ns_ = 0;
    // (lock, holder, its hit): told already by the timer.
    std::set<std::tuple<std::uint64_t, std::uint32_t, std::uint64_t>> told_;

    std::optional<Report> report_;

    Armed armed_;
    Summary summary_;
    bool summarised_ = false;
    std::optional<Diagnosis> culprit_; // the gravest so far
    int culprit_gravity_ = 0;
    std::optional<Evidence> held_when_armed_;
};

} // namespace stakeout
