// page-diff for whole ranges of frames.
#pragma once

#include "xen-bridge/backend/backend.h"

namespace stakeout {

// `request.places`: the range's pieces, each within a frame, in order of their physical addresses.
[[nodiscard]] Result<std::unique_ptr<Backend>> make_range_diff(const BackendRequest& request);

} // namespace stakeout
