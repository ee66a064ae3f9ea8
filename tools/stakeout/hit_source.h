// Where a command gets hits from that were told before: a recording's file, or a running watch.
#pragma once

#include "base/result.h"
#include "recording/replay.h"
#include "watchpoints/arm/watch.h"

#include <optional>
#include <string>

namespace stakeout {

struct HitSource {
    std::string file;  // empty: it is a running watch
    std::string watch; // its name
};

// What was named: a path with a '/' or '.stk' is a file; a name is a running watch's, else a file's. Error
// (Usage): neither.
Result<HitSource> find_hit_source(const std::string& file_or_watch);

// All hits of it so far, and what else it told. Damage is in the answer, and was told on stderr.
Result<Replayed> replay(const HitSource& source, WatchListener& listener);

} // namespace stakeout
