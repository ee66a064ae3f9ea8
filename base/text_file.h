// Whole small files, as /proc and /sys hold them.
#pragma once

#include "base/result.h"

#include <string>

namespace stakeout {

// The file's bytes. Reads until end of file, since files in /proc have no size. Error: Internal with the
// errno.
Result<std::string> read_text_file(const std::string& path);

} // namespace stakeout
