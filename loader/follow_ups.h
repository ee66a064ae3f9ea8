// What makes a script's on_followup run: one timer for each CPU, started by the hit that asks for it, or
// going round by itself, or none and the kernel's softirq tracepoint instead.
// docs/decisions/0011-follow-up.md has the reasons and the latencies.
#pragma once

#include "base/result.h"
#include "loader/hit_program.h"
#include "loader/script_program.h"

#include <memory>
#include <optional>

namespace stakeout {

enum class FollowUpWay {
    OnDemand, // a kick from the hit starts the CPU's timer
    Periodic, // the CPU's timer looks every millisecond
    Softirq,  // after some softirq of the CPU, whenever there is one
};

class FollowUps {
  public:
    // What to try first, before the script is loaded: `wanted`, or the best that this kernel may know.
    static FollowUpWay choose(std::optional<FollowUpWay> wanted);

    // For a script that is loaded. `may_differ`: another way will do where the kernel refuses this one.
    // Error (CannotArm).
    static Result<std::unique_ptr<FollowUps>> start(FollowUpWay way, bool may_differ, ScriptProgram& script,
                                                    const HitProgram& hit_program);
    ~FollowUps();
    FollowUps(const FollowUps&) = delete;
    FollowUps& operator=(const FollowUps&) = delete;

    [[nodiscard]] FollowUpWay way() const;
    [[nodiscard]] bool pinned() const; // the timers stay on their CPU
    // A CPU that has come online since.
    [[nodiscard]] Status add_cpu(std::uint32_t cpu);

  private:
    FollowUps();
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace stakeout
