// A recipe that watches: it takes the hits of one watch and returns a diagnosis.
//
// Contract: on_armed first, then hits, notices and the like, on_summary last; then conclude() is called once.
// tick() is called from the watch's loop, at least every 50 ms; a recipe that reports meanwhile (deadlock)
// does it there, through the function that it was given.
#pragma once

#include "scripts/diagnosis/diagnosis.h"
#include "watchpoints/arm/watch.h"

#include <functional>

namespace stakeout {

using ReportDiagnosis = std::function<void(const Diagnosis&)>;

class Recipe {
  public:
    virtual ~Recipe() = default;
    virtual void on_armed(const Armed& armed) = 0;
    virtual void on_hit(const Hit& hit) = 0;
    virtual void on_look(const Look&) {}
    virtual void on_coverage(const CoverageChange&) {}
    virtual void on_summary(const Summary& summary) = 0;
    // False: the recipe has seen enough, the watch may end.
    [[nodiscard]] virtual bool tick(const ReportDiagnosis&) { return true; }
    virtual Diagnosis conclude() = 0;
};

} // namespace stakeout
