// What a watch holds while it is armed. Private to watch.cpp (arming) and watch_run.cpp (the loop).
#pragma once

#include "base/monotonic_clock.h"
#include "loader/hit_program.h"
#include "loader/kernel_peek.h"
#include "watchpoints/arm/coverage.h"
#include "watchpoints/arm/guardian.h"
#include "watchpoints/arm/online_cpus.h"
#include "watchpoints/arm/stages.h"
#include "watchpoints/arm/target_life.h"
#include "watchpoints/arm/watch.h"
#include "watchpoints/hit/hit_builder.h"
#include "watchpoints/hit/reader.h"
#include "watchpoints/hit/symboliser.h"

#include <deque>
#include <map>
#include <memory>
#include <optional>

namespace stakeout {

struct Watch::State {
    WatchRequest request;
    Armed armed;
    Calibration calibration;
    std::uint64_t armed_at_ns = 0;
    std::uint64_t deadline_ns = 0;

    // Destroyed in reverse order: the events go before the program, the guardian before the events.
    std::unique_ptr<KernelPeek> peek;
    std::unique_ptr<HitProgram> program;
    std::unique_ptr<Stages> stages;
    std::unique_ptr<Coverage> coverage;
    std::unique_ptr<Guardian> guardian;
    CpuNews cpu_news;
    TargetLife life;
    Symboliser symboliser;
    std::unique_ptr<HitBuilder> builder;
    std::unique_ptr<Reader> reader;

    // Arming, step by step (watch.cpp).
    [[nodiscard]] Status load_program(const std::vector<Slot>& slots);
    [[nodiscard]] Status take_slots(const std::vector<Slot>& slots, const std::vector<std::uint32_t>& cpus);
    [[nodiscard]] Status prepare_reading(const std::vector<Slot>& slots);
    [[nodiscard]] Status enable();
    void tell_of_script();

    bool reader_counts = false; // which hits are shown is known to the reader only

    // While running.
    std::deque<JoinedHit> taken;                          // out of the ring, not yet shown
    std::deque<RawExtra> looks;                           // follow-ups without their hits
    std::map<std::uint32_t, std::uint64_t> offline_since; // CPU -> when it was last known armed
    std::map<std::uint32_t, std::uint64_t> braked_since;  // CPU -> when the brake stopped it
    Summary summary;
};

} // namespace stakeout
