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
        : asked_kind_(kind), counter_(kind.value_or(CountKind::Count)) {}

    void on_armed(const Armed& armed) override;
    void on_hit(const Hit& hit) override;
    void on_summary(const Summary& summary) override { summary_ = summary; }
    Diagnosis conclude() override;

  private:
    void note_broken(const Hit& hit, const CountStep& step, const std::string& function);
    PathLedger* ledger_for(const Hit& hit, const ReferencePath& path);

    std::optional<CountKind> asked_kind_;
    CountKind kind_ = CountKind::Count;
    Counter counter_;
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
