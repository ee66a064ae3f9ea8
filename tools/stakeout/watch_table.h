// Running watches as a table: what list prints and top shows.
#pragma once

#include "keeper/watch_status.h"

#include <string>

namespace stakeout {

std::string watch_table_head();
std::string watch_table_row(const WatchStatus& status);

} // namespace stakeout
