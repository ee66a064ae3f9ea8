// `stakeout watch --config FILE`: options out of a file, as those of /etc/stakeout that systemd starts. A
// line an option, "symbol = my_state", as on the command line without the dashes; flags are "rw = true".
#pragma once

#include "base/result.h"

#include <string>
#include <vector>

namespace stakeout {

// Puts the file's options in the place of --config FILE. Error (Usage): the file cannot be read, or a line is
// no option; --config stands twice.
Result<std::vector<std::string>> with_config(std::vector<std::string> arguments);

} // namespace stakeout
