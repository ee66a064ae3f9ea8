// One watch, two listeners: what is shown, and what records.
#pragma once

#include "watchpoints/arm/watch.h"

#include <memory>

namespace stakeout {

// Each hears everything, `first` first. Together they are open, and have room, while both are and have.
std::unique_ptr<WatchListener> make_tee(std::unique_ptr<WatchListener> first,
                                        std::unique_ptr<WatchListener> second);

} // namespace stakeout
