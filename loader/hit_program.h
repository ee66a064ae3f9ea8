// The precompiled hit program (bpf/hit.bpf.c), loaded and configured. Never starts a compiler. Everything it
// set in the kernel goes with the object: programs and maps are held by file descriptors of this process
// only.
#pragma once

#include "base/result.h"
#include "bpf/record.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace stakeout {

struct HitProgramConfig {
    std::array<std::uint64_t, SO_REGIONS> region_size{}; // bytes; 0: no such target
    bool user_regions = false;
    bool per_cpu_values = false;
    bool joins_possible = false;
    std::uint64_t target_mm = 0;   // kernel address of the mm_struct; 0: kernel memory
    std::uint32_t mm_offset = 0;   // of task_struct.mm
    std::uint64_t target_pgd = 0;  // kernel address of its page tables; 0: its memory is read as user memory
    std::uint64_t direct_map = 0;  // with target_pgd: where the kernel maps all physical memory
    std::uint32_t page_levels = 4; // 4 or 5
    std::uint32_t kernel_depth = SO_MAX_DEPTH; // frames; 0: no stack
    std::uint32_t user_depth = SO_MAX_DEPTH;
    bool tell_own_memory = false;      // makes own_memory() work
    std::uint64_t max_hits = 0;        // 0: no limit
    std::uint64_t brake_window_ns = 0; // 0: no brake
    std::uint64_t brake_budget_ns = 0;
    std::uint64_t brake_max_hits = 0; // in a window; 0: no limit

    std::uint32_t ring_bytes = 0; // a power of two; 0: as bpf/hit_state.h has it

    // Predicates and scripts (bpf/hit_stages.h).
    bool staged = false;             // there are any: set_stage() must follow
    bool runs_script = false;        // one of them is a script's on_hit
    bool shows_pid = false;          // pid or tid are looked at
    bool shows_comm = false;         // the task's name is
    bool has_fields = false;         // the script has `struct fields`
    bool follows_up = false;         // the script has on_followup or on_task
    bool kicks = false;              // whose timer is started on demand
    bool runs_foreign = false;       // a foreign program runs after each hit
    std::uint8_t certain_access = 0; // enum so_access (bpf/stakeout.h), where the watch's kind tells it
};

class HitProgram {
  public:
    // Error (CannotArm): what the kernel or the verifier objected to.
    static Result<std::unique_ptr<HitProgram>> load(const HitProgramConfig& config);
    ~HitProgram();
    HitProgram(const HitProgram&) = delete;
    HitProgram& operator=(const HitProgram&) = delete;

    [[nodiscard]] int program_fd() const;
    [[nodiscard]] int probe_fd() const; // the calibration's own tiny program
    [[nodiscard]] int ring_fd() const;

    [[nodiscard]] Status set_plan(std::uint32_t cpu, const so_plan& plan);
    // The value that the next hit's `old` will show. For per-CPU variables one for each CPU, else cpu 0
    // stands for all.
    [[nodiscard]] Status set_last_value(std::uint32_t cpu, std::uint32_t region,
                                        std::span<const std::uint8_t> bytes);
    void set_deadline(std::uint64_t monotonic_ns);
    void set_exception_cost(std::uint64_t ns);
    void end(); // no more records from now on

    [[nodiscard]] bool has_ended() const;          // end() was called or the last counted hit came
    [[nodiscard]] std::uint64_t hits_seen() const; // sequence numbers handed out so far
    // A copy of one CPU's counters; the running program goes on counting.
    [[nodiscard]] so_cpu counters(std::uint32_t cpu) const;
    void clear_stopped(std::uint32_t cpu, std::uint64_t slot_mask); // these slots have been re-armed

    // The kernel memory of the program's own maps. Of the scratch areas it knows only one CPU's, of the ring
    // everything within its size. Error: Internal.
    struct OwnRange {
        std::uint64_t start = 0;
        std::uint64_t bytes = 0;
    };
    [[nodiscard]] Result<std::vector<OwnRange>> own_memory() const;

    // The maps that predicates and scripts share with this program.
    [[nodiscard]] int hits_fd() const;
    [[nodiscard]] int stages_fd() const;
    [[nodiscard]] int queues_fd() const;
    [[nodiscard]] int kicks_fd() const;
    // Puts a program into a stage (enum so_stage, bpf/stakeout.h); the last one is in place already.
    [[nodiscard]] Status set_stage(std::uint32_t stage, int program_fd);
    [[nodiscard]] bool stopped_by_script() const; // a script called stop()
    // What became of the hits that asked for a follow-up, over all CPUs.
    struct FollowUpCounts {
        std::uint64_t deferred = 0; // asked for one
        std::uint64_t missed = 0;   // no room in the queue
        std::uint64_t followed = 0; // looked at
        std::uint64_t unsent = 0;   // looked at, but no room in the ring for what was seen
        std::uint64_t waiting = 0;  // not looked at yet
        std::uint64_t task_missed = 0, task_looks = 0;
    };
    [[nodiscard]] FollowUpCounts follow_up_counts() const;

    void start_probe(bool answer); // resets the probe's count; `answer`: what it returns
    [[nodiscard]] std::uint64_t probe_runs() const;

  private:
    HitProgram();
    struct State;
    std::unique_ptr<State> state_;
};

// CPU numbers run from 0 to this, exclusive.
[[nodiscard]] std::uint32_t possible_cpus();

} // namespace stakeout
