// `diagnose leak`: what is allocated, never freed, and used by nobody.
//
// Contract: everything hangs on descriptors of this process and is gone when diagnose_leak() returns. The
// patient is never stopped. The diagnosis is of what was seen until the observation ended: by its time, by
// `stop_fd`, or by the program's own end.
#pragma once

#include "base/result.h"
#include "scripts/diagnosis/diagnosis.h"

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>

namespace stakeout {

class WatchListener;

struct LeakRequest {
    std::optional<int> pid; // absent: the kernel
    std::string target;     // for the report: as typed
    std::chrono::nanoseconds observe = std::chrono::seconds(60);
    std::chrono::nanoseconds idle = std::chrono::seconds(60);
    std::optional<std::chrono::nanoseconds> older; // default: a third of `observe`
    std::chrono::nanoseconds time_to_live = std::chrono::minutes(10);
    std::size_t top = 5;             // groups that are watched and reported
    bool all_slots = false;          // else one debug register stays free for others
    WatchListener* record = nullptr; // hears the watches that confirm, one after the other, from a thread
    int stop_fd = -1;                // becomes readable when the user wants an end
};

// `begin` is called once, when the probes are attached: a program that waits may run. `say` hears now and
// then how far it is. Errors: of attaching. kinds of the diagnosis: "leak", "in_use", "no_growth",
// "unconfirmed", "too_short".
Result<Diagnosis> diagnose_leak(const LeakRequest& request, const std::function<Status()>& begin,
                                const std::function<void(const std::string&)>& say);

} // namespace stakeout
