// -o and --color.
#pragma once

#include "base/result.h"
#include "watchpoints/arm/watch.h"

#include <memory>
#include <string>

namespace stakeout {

// auto: on a terminal, unless NO_COLOR is set. Error (Usage): none of auto, always and never.
Result<bool> wants_colour(const std::string& choice);

// text, json or folded, on stdout. Error (Usage): none of them.
Result<std::unique_ptr<WatchListener>> make_sink(const std::string& format, bool colour);

} // namespace stakeout
