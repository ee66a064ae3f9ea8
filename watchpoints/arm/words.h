// The words that everything shown or written shares: what scripts read stays the same in all formats.
#pragma once

#include "watchpoints/arm/watch.h"

#include <string_view>

namespace stakeout {

std::string_view to_word(Access access);    // "read", "write", "execute", "unknown"
std::string_view to_word(AccessKind kind);  // "r", "w", "rw", "x"
std::string_view to_word(FollowUpWay way);  // "on-demand", "periodic", "softirq"
std::string_view to_word(EndedBy ended_by); // "time_to_live", "count", ...

} // namespace stakeout
