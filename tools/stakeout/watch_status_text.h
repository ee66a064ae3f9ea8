// A running watch's status in words, for list, show and top.
#pragma once

#include "keeper/watch_status.h"

#include <string>

namespace stakeout {

std::string short_duration(double seconds);           // "52s", "12m", "1h 58m", "3d 4h"
std::string short_rate(double per_second);            // "0/s", "0.3/s", "12k/s"
std::string target_text(const WatchStatus& status);   // "my_state", "a and 2 more"
std::string coverage_text(const WatchStatus& status); // "2/2", "1/2 CPUs!" where one is missing
std::string brake_text(const WatchStatus& status);    // "off", "on", "3x 0.2s", "BRAKING"
std::string last_text(const WatchStatus& status);     // "ledger[812] deposit+0x1c 12 s ago"; "-"

} // namespace stakeout
