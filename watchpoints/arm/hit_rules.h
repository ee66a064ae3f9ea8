// Which hits are wanted, as asked for: plain data. Judged in the kernel where that is exact (arm/stages.h),
// else by the reader (hit/hit_filter.h).
#pragma once

#include "loader/compiler/finding.h"
#include "loader/follow_ups.h"
#include "loader/predicate/predicate_code.h"
#include "loader/script_settings.h"
#include "watchpoints/hit/hit_filter.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

struct HitRules {
    // In the kernel.
    std::shared_ptr<const WhenExpression> when;
    bool changed = false;
    std::vector<CodeRange> only_from, not_from;
    std::vector<CommPattern> comm;
    // By the reader; may be null.
    std::shared_ptr<const HitFilter> reader;

    [[nodiscard]] bool in_kernel() const {
        return when != nullptr || changed || !only_from.empty() || !not_from.empty() || !comm.empty();
    }
};

// A script, compiled.
struct ScriptPlan {
    std::vector<char> object;
    std::string name;              // as messages call it: the path that was typed
    std::string text;              // its source; empty for an object
    std::vector<Finding> findings; // of our own look at it
    std::vector<ScriptParameter> parameters;
    FunctionLookup functions;
    std::optional<FollowUpWay> follow_up_way; // absent: the best that the kernel can do
    std::string verifier_log;                 // a file for the verifier's whole log; empty: none
};

} // namespace stakeout
