#include "tools/stakeout/watch_table.h"

#include "tools/stakeout/watch_status_text.h"

#include <fmt/format.h>

namespace stakeout {

std::string watch_table_head() {
    return fmt::format("{:<12} {:<8} {:<20} {:>5} {:>5} {:>7} {:>7} {:>9} {:>7} {:<8} {}", "NAME", "ID",
                       "TARGET", "CPUS", "SLOTS", "AGE", "LEFT", "HITS", "RATE", "BRAKE", "LAST");
}

std::string watch_table_row(const WatchStatus& status) {
    return fmt::format("{:<12} {:<8} {:<20} {:>5} {:>5} {:>7} {:>7} {:>9} {:>7} {:<8} {}", status.name,
                       status.id, target_text(status), coverage_text(status), status.slots,
                       short_duration(status.age_seconds()), short_duration(status.seconds_left()),
                       status.hits, short_rate(status.rate), brake_text(status), last_text(status));
}

} // namespace stakeout
