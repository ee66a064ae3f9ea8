// What an observation has gathered when it ends: plain data, from which the report is made.
#pragma once

#include "scripts/leak/allocation_stack.h"
#include "scripts/leak/confirmation.h"
#include "scripts/leak/judgement.h"
#include "scripts/leak/leak.h"
#include "scripts/leak/memory_limit.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

struct ObservedGroup {
    const GroupHistory* history = nullptr;
    GroupView view;
    std::vector<Frame> frames;
    const GroupWatching* watching = nullptr; // null: never watched
};

struct Observation {
    std::vector<ObservedGroup> groups; // the suspicious ones, by bytes; at most --top
    std::size_t groups_seen = 0;
    double seconds = 0;  // observed
    double exposure = 0; // of these, seconds in which allocations were tracked
    leak_counters counters{};
    ProbeCost probe_cost;
    bool whole = false; // it lasted --for
    std::string ended;  // why it ended: "the program ended"
    bool program_gone = false;
    std::optional<MemoryLimit> limit;
    std::string watch_refused; // why no watch could be armed; empty: none was refused
    std::size_t slots = 0;     // debug registers used at a time
    std::size_t rounds = 0;

    [[nodiscard]] double sampled_share() const { return seconds > 0 ? std::min(1.0, exposure / seconds) : 0; }
};

// report.cpp
Diagnosis report_leak(const LeakRequest& request, const Observation& observation);

} // namespace stakeout
