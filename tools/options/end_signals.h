// How a running watch is told to end.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"

namespace stakeout {

// A descriptor that becomes readable when Ctrl-C, kill or a closed terminal wants an end in order, with a
// summary; blocks the signals. `survives_hangup`: SIGHUP is ignored instead.
Result<OwnedFd> catch_signals(bool survives_hangup = false);

} // namespace stakeout
