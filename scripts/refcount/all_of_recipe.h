// `stakeout diagnose refcount --all-of`: successive objects of one type, each from its birth on.
//
// Hits are sorted into lives by the slot they came from and their time; each life has a ledger of its own
// (RefcountRecipe), whose account is added to the tally when the life is over. conclude()
// (all_of_verdict.cpp) judges over all objects: never from one alone.
#pragma once

#include "scripts/refcount/object_life.h"
#include "scripts/refcount/object_tally.h"
#include "scripts/refcount/refcount_recipe.h"

#include <deque>
#include <functional>
#include <memory>
#include <string>

namespace stakeout {

class AllOfRecipe final : public Recipe, public LifeListener {
  public:
    struct Plan {
        std::string name; // "struct session.refs"
        CountKind kind = CountKind::Count;
        std::uint64_t objects = 0; // enough when so many were followed; 0: no limit
        std::chrono::nanoseconds for_each{0};
        std::vector<std::string> not_covered;       // what these births cannot show
        std::function<std::uint64_t()> births_seen; // all, followed or not
    };
    explicit AllOfRecipe(Plan plan)
        : plan_(std::move(plan)), counter_(std::make_shared<Counter>(plan_.kind)) {}
    void count_births_by(std::function<std::uint64_t()> births) { plan_.births_seen = std::move(births); }
    // What is known when the objects' origin is.
    void use(CountKind kind, std::vector<std::string> not_covered);

    void on_armed(const Armed& armed) override { armed_ = armed; }
    void on_hit(const Hit& hit) override { waiting_.push_back(hit); }
    void on_summary(const Summary& summary) override;
    [[nodiscard]] bool tick(const ReportDiagnosis& report) override;
    Diagnosis conclude() override;

    void on_life(const ObjectLife& life) override;
    void on_life_end(std::size_t place, const LifeEnd& end) override;
    void on_missed_life() override { ++missed_; }

  private:
    struct Followed {
        ObjectLife life;
        std::optional<LifeEnd> end;
        std::unique_ptr<RefcountRecipe> ledger;
    };
    void sort_hits_before(std::uint64_t ns);
    void sort(const Hit& hit);
    void finish(Followed& followed);
    void finish_ended_before(std::uint64_t ns);

    // A counter that went below zero, or rose from it: who, and in how many objects.
    struct Broken {
        Diagnosis first;
        std::uint64_t objects = 0;
    };

    Plan plan_;
    std::shared_ptr<Counter> counter_;
    Armed armed_;
    Summary summary_;
    std::deque<Hit> waiting_;       // a hit may come here before the free that it follows
    std::deque<Followed> followed_; // under way, or ended a moment ago
    ObjectTally tally_;
    std::map<std::pair<std::string, std::string>, Broken> broken_; // by kind and function
    std::uint64_t missed_ = 0;

    friend class AllOfVerdict;
};

} // namespace stakeout
