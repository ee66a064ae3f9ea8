// What a running watch tells of itself: plain data, and the JSON that goes over its control socket and that
// `stakeout list -o json` and `stakeout show -o json` print (docs/json.md).
#pragma once

#include "base/result.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

struct StatusTarget {
    std::string name, type;
    std::uint64_t address = 0, size = 0;
};

// Who touched the memory last.
struct LastAccess {
    std::uint64_t seq = 0, time_ns = 0; // CLOCK_MONOTONIC
    std::uint32_t pid = 0, tid = 0, cpu = 0;
    std::string comm, access, target, function, old_value, new_value; // values: empty where not known
};

struct HotStack {
    std::string frames; // innermost first: "fn+0x1c < caller+0x9 < main+0x41"
    std::uint64_t hits = 0;
};

struct WatchStatus {
    std::string id, name, access, script, recording; // recording: a file's path; empty: none is written
    int pid = 0;
    bool detached = false;
    std::vector<StatusTarget> targets;
    std::size_t slots = 0; // on each CPU
    std::vector<std::uint32_t> cpus_armed, cpus_braked;
    std::size_t cpus_online = 0;
    std::int64_t wall_ahead_ns = 0;
    std::uint64_t armed_at_ns = 0, deadline_ns = 0, now_ns = 0; // CLOCK_MONOTONIC
    std::uint64_t hits = 0, records = 0, lost = 0, unseen = 0, dropped = 0, shown = 0;
    double rate = 0; // hits a second, lately
    bool brake = true;
    std::uint64_t braked = 0, braked_ns = 0; // intervals and their CPU time
    std::optional<LastAccess> last;
    std::vector<HotStack> hottest;    // most hits first
    std::vector<std::string> notices; // the latest ones
    bool keeps_hits = false;          // asked for its recording, it has one

    [[nodiscard]] double seconds_left() const {
        return deadline_ns > now_ns ? static_cast<double>(deadline_ns - now_ns) / 1e9 : 0;
    }
    [[nodiscard]] double age_seconds() const { return static_cast<double>(now_ns - armed_at_ns) / 1e9; }
};

nlohmann::ordered_json to_json(const WatchStatus& status);
// Error (Internal): it is no status, or of another version of stakeout.
Result<WatchStatus> status_from_json(const nlohmann::ordered_json& json);

} // namespace stakeout
