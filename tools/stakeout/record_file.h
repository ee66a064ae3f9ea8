// The file of --record: the raw hits beside a diagnosis.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"

#include <string>

namespace stakeout {

// Made anew, for its owner alone. No descriptor for an empty path. Error (Usage): it cannot be written, or is
// a link.
Result<OwnedFd> open_record(const std::string& path);

} // namespace stakeout
