// `stakeout diagnose refcount`: gets and puts that do not match.
//
// Every change of the counter is a step (counter.h) by a function (reference_path.h), entered into a ledger
// by call path and into the pairing (pairing.h). conclude() (refcount_verdict.cpp) accuses when the counter
// itself proves it (below zero, saturated, risen from zero), or when one function's references stay open
// while those of others are given back.
#pragma once

#include "scripts/recipe.h"
#include "scripts/refcount/counter.h"
#include "scripts/refcount/pairing.h"
#include "scripts/refcount/reference_path.h"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace stakeout {

// What one call path did to the counter.
struct PathLedger {
    ReferencePath path;
    std::uint64_t gets = 0, puts = 0;
    std::set<std::string> tasks;     // "comm (pid)", a few
    Hit sample;                      // the first
    std::vector<std::uint64_t> hits; // the first few
    std::uint64_t last_get_ns = 0;
};

// What the paths of one function did, together.
struct FunctionAccount {
    Frame decider;
    Hit sample; // of a get where there was one
    std::uint64_t gets = 0, puts = 0;
    std::uint64_t last_get_ns = 0, longest_hold_ns = 0;
    std::vector<std::uint64_t> hits;
    [[nodiscard]] std::int64_t net() const {
        return static_cast<std::int64_t>(gets) - static_cast<std::int64_t>(puts);
    }
};

// What one object's references came to.
struct ReferenceAccount {
    std::map<std::string, FunctionAccount> functions; // by key of the decider
    std::uint64_t gets = 0, puts = 0;
    std::optional<std::int64_t> first, last; // values: when it was armed, after its last hit
    bool is_broken = false;                  // a step that never happens when all is well
    bool was_set = false;                    // the count was set anew, or a step found no room
    // Does first, and all steps after it, make `value`? Only then were all steps seen.
    [[nodiscard]] bool explains(std::int64_t value) const;
};

// A step that a counter of references never takes when all is well.
struct BrokenStep {
    enum class Kind { BelowZero, Saturated, FromZero } kind = Kind::BelowZero;
    std::uint64_t hit = 0;
    CountStep step;
    std::string function; // key of the decider
    Hit sample;
};

class RefcountRecipe final : public Recipe {
  public:
    // `kind` absent: by the target's type, which on_armed tells.
    explicit RefcountRecipe(std::optional<CountKind> kind)
        : RefcountRecipe(kind, std::make_shared<Counter>(kind.value_or(CountKind::Count))) {}
    // With a counter that has learnt the instructions from other objects of the kind.
    RefcountRecipe(std::optional<CountKind> kind, std::shared_ptr<Counter> counter)
        : asked_kind_(kind), counter_(std::move(counter)) {}

    void on_armed(const Armed& armed) override;
    void on_hit(const Hit& hit) override;
    void on_summary(const Summary& summary) override { summary_ = summary; }
    Diagnosis conclude() override;
    // To be called once, after the last hit.
    ReferenceAccount account();

  private:
    void note_broken(const Hit& hit, const CountStep& step, const std::string& function);
    PathLedger* ledger_for(const Hit& hit, const ReferencePath& path);

    std::optional<CountKind> asked_kind_;
    CountKind kind_ = CountKind::Count;
    std::shared_ptr<Counter> counter_;
    Armed armed_;
    Summary summary_;
    std::map<std::string, PathLedger> paths_; // by call path
    std::uint64_t beyond_ = 0;                // steps of paths that found no room
    Pairing pairing_;
    std::vector<BrokenStep> broken_;
    std::optional<std::int64_t> first_, last_; // values
    std::uint64_t gets_ = 0, puts_ = 0, failed_ = 0, lives_ = 0, unclear_ = 0;
    std::uint64_t first_ns_ = 0, last_ns_ = 0;

    friend class RefcountVerdict;
};

} // namespace stakeout
