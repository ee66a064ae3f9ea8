// A monitor script in the kernel: a compiled object (loader/compiler, `stakeout compile`, or anybody's
// libbpf-style object) opened, its parameters set, joined to the hit program's maps, loaded. Held by
// descriptors of this process only.
//
//   ours     made with bpf/stakeout.h: its on_hit is a stage of the hit program, and it may have follow-ups
//   foreign  anybody's SEC("perf_event") program: runs after each hit that was kept, knows nothing of us
#pragma once

#include "base/result.h"
#include "loader/hit_program.h"
#include "loader/script_fields.h"
#include "loader/script_settings.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace stakeout {

class ScriptProgram {
  public:
    // Reads the object; nothing is in the kernel yet. `name`: how messages call it. Errors (Usage): not a BPF
    // object, nothing in it that could run at a hit, several foreign programs.
    static Result<std::unique_ptr<ScriptProgram>> open(std::span<const char> object, const std::string& name);
    ~ScriptProgram();
    ScriptProgram(const ScriptProgram&) = delete;
    ScriptProgram& operator=(const ScriptProgram&) = delete;

    [[nodiscard]] bool is_foreign() const;
    [[nodiscard]] bool follows_up() const;    // has on_followup or on_task
    [[nodiscard]] bool has_followup() const;  // has on_followup
    [[nodiscard]] bool has_task_look() const; // has on_task
    [[nodiscard]] const std::vector<ScriptFieldLayout>& fields() const;
    // Programs of the object that nobody will attach ("kprobe/do_unlinkat").
    [[nodiscard]] const std::vector<std::string>& left_out() const;

    // What the hit program must be configured with for this script.
    void configure(HitProgramConfig& config) const;

    [[nodiscard]] Status set(const std::vector<ScriptParameter>& parameters, const FunctionLookup& functions);
    // A foreign program's answer other than 0 would stop the perf event.
    // Error (CannotArm): the kernel refused it; `refusal` then holds the verifier's log.
    [[nodiscard]] Status load(const HitProgram& hit_program, std::string& verifier_log);

    [[nodiscard]] int hit_fd() const;    // the stage, or the foreign program
    [[nodiscard]] int alarms_fd() const; // -1 without on_followup
    [[nodiscard]] int arm_fd() const;    // the program that sets a CPU's timer up; -1 without on_followup
    [[nodiscard]] int looks_fd() const;  // the ring of follow-ups; -1 without any
    // Follows up from softirq tracepoints instead of timers: to be asked for before load().
    void use_softirq_tracepoint();
    [[nodiscard]] Status attach_softirq_tracepoint();

  private:
    ScriptProgram();
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace stakeout
