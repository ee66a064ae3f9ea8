// Coverage: the CPUs on which a watch is really armed. Arms all online CPUs or none; follows CPUs that come
// and go; re-arms what the brake stopped; knows how many accesses the kernel counted in all, over every event
// ever opened.
#pragma once

#include "base/result.h"
#include "bpf/record.h"
#include "loader/hit_program.h"
#include "watchpoints/arm/breakpoint.h"
#include "watchpoints/arm/calibration.h"
#include "watchpoints/arm/guardian.h"
#include "watchpoints/arm/slot_plan.h"
#include "watchpoints/target/target.h"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

namespace stakeout {

class Coverage {
  public:
    struct Plan {
        std::vector<Slot> slots;
        std::vector<Target> targets;
        AccessKind kind = AccessKind::Write;
        bool exclude_kernel = false;
        StopWay stop_way = StopWay::ByReturn;
        int limit = 1; // what each event is enabled with; ByLimit: the brake's budget in hits, 0 for none
    };
    Coverage(HitProgram& program, Plan plan);
    ~Coverage();
    Coverage(const Coverage&) = delete;
    Coverage& operator=(const Coverage&) = delete;

    // Takes the slots on all these CPUs, or on none. Nothing hits yet.
    [[nodiscard]] Status take(std::span<const std::uint32_t> cpus);
    [[nodiscard]] Status enable_all();
    void guard_with(Guardian* guardian); // from now on descriptors are the guardian's business too

    [[nodiscard]] Status add(std::uint32_t cpu); // came online: takes its slots and enables them
    void remove(std::uint32_t cpu);              // went offline
    // Fresh events for the slots in `mask`: a stopped one cannot be started again on every kernel.
    [[nodiscard]] Status rearm(std::uint32_t cpu, std::uint64_t mask);
    // A target's slots to another address, on all CPUs. Meant for targets that have no hits where they are.
    [[nodiscard]] Status move(std::size_t target, std::uint64_t address);
    // ByLimit only: grants the hits used since the last call again. Returns the slots whose limit had run
    // out.
    [[nodiscard]] std::uint64_t refill(std::uint32_t cpu);
    // Ends all hitting. The counts below stay.
    void release_all();

    [[nodiscard]] std::vector<std::uint32_t> cpus() const; // armed now
    [[nodiscard]] bool covers(std::uint32_t cpu) const { return armed_.contains(cpu); }
    [[nodiscard]] std::uint64_t counted() const; // by the kernel, all events, closed ones too
    [[nodiscard]] const Plan& plan() const { return plan_; }

  private:
    struct Event {
        Breakpoint breakpoint;
        std::uint64_t granted = 0; // limit given in all
        std::uint64_t refilled_at = 0;
    };
    using CpuEvents = std::vector<Event>; // one a slot
    [[nodiscard]] BreakpointSpec spec_of(std::uint32_t cpu, std::size_t slot) const;
    [[nodiscard]] Result<Event> open(std::uint32_t cpu, std::size_t slot) const;
    [[nodiscard]] Status set_plan(std::uint32_t cpu);
    [[nodiscard]] Status enable(Event& event) const;
    [[nodiscard]] bool begin_change();
    void end_change();
    void put(std::uint32_t cpu, std::size_t slot, int fd);
    void give_up(); // the guardian has closed everything

    HitProgram& program_;
    Plan plan_;
    Guardian* guardian_ = nullptr;
    std::map<std::uint32_t, CpuEvents> armed_;
    std::uint64_t retired_count_ = 0; // of closed events
};

} // namespace stakeout
