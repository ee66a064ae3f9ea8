// The predicates and the script of a watch, as stages of its hit program (bpf/hit_stages.h).
#pragma once

#include "loader/hit_program.h"
#include "loader/script_program.h"
#include "watchpoints/arm/hit_rules.h"
#include "watchpoints/target/target.h"

#include "base/owned_fd.h"

#include <memory>
#include <optional>
#include <vector>

namespace stakeout {

class Stages {
  public:
    // Nothing is in the kernel yet. Errors: those of the script.
    static Result<std::unique_ptr<Stages>> open(const HitRules& rules, const ScriptPlan* script);

    [[nodiscard]] bool any() const { return in_kernel_ || script_ != nullptr; }
    // What the hit program must be told when it is loaded.
    void configure(HitProgramConfig& config) const;
    // Loads what there is and joins it to the hit program. Errors: what the verifier objected to, in the
    // script's terms.
    Status join(HitProgram& hit_program, const HitRules& rules, const ScriptPlan* script,
                const std::vector<Target>& targets);

    [[nodiscard]] const ScriptProgram* script() const { return script_.get(); }
    [[nodiscard]] FollowUps* follow_ups() const { return follow_ups_.get(); }

  private:
    Status load_predicate(HitProgram& hit_program, const HitRules& rules, const std::vector<Target>& targets);
    Status load_script(HitProgram& hit_program, const ScriptPlan& plan);

    bool in_kernel_ = false;
    bool looks_at_comm_ = false, looks_at_pid_ = false;
    FollowUpWay way_ = FollowUpWay::OnDemand;
    OwnedFd predicate_;
    std::unique_ptr<ScriptProgram> script_;
    std::unique_ptr<FollowUps> follow_ups_; // goes before the script
};

} // namespace stakeout
