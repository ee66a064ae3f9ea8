// Whoever talks to a watch while it runs: a keeper's control socket, say. Called from the watch's own loop
// and thread, so that what it sees is never half changed.
#pragma once

#include "watchpoints/arm/watch.h"

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace stakeout {

// A watch as its companion sees it, valid during the call only.
class RunningWatch {
  public:
    virtual ~RunningWatch() = default;
    [[nodiscard]] virtual Summary counts() const = 0;            // so far; its end is not filled in
    [[nodiscard]] virtual std::uint64_t deadline_ns() const = 0; // CLOCK_MONOTONIC
    [[nodiscard]] virtual std::vector<std::uint32_t> cpus_armed() const = 0;
    [[nodiscard]] virtual std::size_t cpus_online() const = 0;
    [[nodiscard]] virtual std::vector<std::uint32_t> cpus_braked() const = 0; // stopped by the brake just now
    // Lives `time_to_live` more from now on. Error (LostTarget): it is over, or its guardian has ended it.
    [[nodiscard]] virtual Status renew(std::chrono::nanoseconds time_to_live) = 0;
    virtual void end(std::string reason) = 0; // by the user; run() returns when the slots are free
};

class WatchCompanion {
  public:
    virtual ~WatchCompanion() = default;
    // What ends the loop's sleep.
    virtual void add_to(std::vector<pollfd>& fds) const = 0;
    // Once in every turn of the loop: at least every 200 ms, and when one of its descriptors is ready.
    virtual void turn(RunningWatch& watch) = 0;
};

} // namespace stakeout
