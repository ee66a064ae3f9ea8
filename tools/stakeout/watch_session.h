// One watch from the command line's point of view: the program started, signals caught, targets resolved,
// armed, the program let go. For `watch` and for the recipes that watch.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"
#include "watchpoints/arm/watch.h"
#include "watchpoints/target/launcher.h"
#include "watchpoints/target/resolver.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

struct SessionPlan {
    TargetQuery targets;
    WatchRequest request;             // all but its targets
    std::vector<std::string> program; // to start; empty: none
    // Called when the targets are known (request.targets) and nothing is armed: rules and scripts are added
    // here, and targets may be changed. May be empty.
    std::function<Status(Resolution& resolution, WatchRequest& request)> prepare;
    // Where no slot is free: how long to queue for one. Absent: not at all.
    std::optional<std::chrono::nanoseconds> wait_for_slots;
    bool survives_hangup = false; // SIGHUP does not end it
};

class WatchSession {
  public:
    // Errors: of each step; where no slot is free, the error names who holds them.
    static Result<std::unique_ptr<WatchSession>> start(SessionPlan plan);

    [[nodiscard]] const Watch& watch() const { return *watch_; }
    // Until the watch is over, or SIGINT, SIGTERM or SIGHUP came.
    Summary run(WatchListener& listener, WatchCompanion* companion = nullptr);

  private:
    WatchSession() = default;
    Status arm(const SessionPlan& plan);
    Status resolve_targets(TargetQuery& query, WatchRequest& request);

    std::optional<LaunchedProgram> program_;
    OwnedFd signals_;
    std::optional<Resolution> resolution_; // its symbols must outlive the watch
    std::unique_ptr<Watch> watch_;
};

} // namespace stakeout
