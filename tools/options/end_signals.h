// How a running watch is told to end.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"

namespace stakeout {

// A descriptor that becomes readable when Ctrl-C, kill or a closed terminal wants an end in order, with a
// summary; blocks the signals.
Result<OwnedFd> catch_signals();

} // namespace stakeout
