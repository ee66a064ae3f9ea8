// --wait: a watch that found no slot queues for one.
#pragma once

#include "base/result.h"
#include "watchpoints/arm/watch.h"

#include <chrono>
#include <memory>

namespace stakeout {

// Armed as soon as slots are free on every CPU and nobody waits before us. `refused`: how the first try
// failed, and the error when `patience` is over. Ends when `stop_fd` becomes readable.
Result<std::unique_ptr<Watch>> arm_when_free(const WatchRequest& request, std::chrono::nanoseconds patience,
                                             int stop_fd, const Error& refused);

} // namespace stakeout
