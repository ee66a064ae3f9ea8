// One allocation stack's history, and what is to be thought of it before anything was watched.
//
// Suspicious is a group that grows steadily, and of whose objects those that reached the age --older are
// hardly ever freed. Objects that are freed young do not acquit it: an error path that leaks one in a
// thousand shares its stack with all those that are freed.
#pragma once

#include "scripts/leak/collector.h"
#include "scripts/leak/growth.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace stakeout {

struct SiteOrder {
    bool operator()(const leak_site& a, const leak_site& b) const {
        return a.stack != b.stack     ? a.stack < b.stack
               : a.caller != b.caller ? a.caller < b.caller
                                      : a.what < b.what;
    }
};

struct GroupHistory {
    leak_site site{};
    leak_group latest{};
    std::vector<GrowthPoint> series; // bytes live
    // Of the objects older than --older, as last looked at; the oldest first.
    std::vector<TrackedObject> old_objects;
};
using Histories = std::map<leak_site, GroupHistory, SiteOrder>;

struct GroupView {
    Growth growth;
    std::uint64_t live_bytes = 0, live_objects = 0; // tracked
    std::uint64_t old_objects = 0, old_frees = 0;
    double oldest_seconds = 0;
    bool suspicious = false;
    std::string acquitted_by; // why it is not suspicious; empty if it is
};

// Adds a point to each group's series. Long series are thinned to every second point.
void add_points(Histories& histories, const std::vector<TrackedGroup>& now,
                std::chrono::nanoseconds exposure);

// Fills old_objects of all.
void find_old_objects(Histories& histories, const std::vector<TrackedObject>& objects, std::uint64_t now_ns,
                      std::chrono::nanoseconds older);

GroupView judge(const GroupHistory& history, std::uint64_t now_ns);

} // namespace stakeout
