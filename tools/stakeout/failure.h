// How every command ends when it cannot go on: one sentence on stderr, and the failure's exit status.
#pragma once

#include "base/result.h"

#include <fmt/format.h>

#include <cstdio>

namespace stakeout {

inline int fail(const Error& error) {
    fmt::print(stderr, "stakeout: {}\n", error.sentence());
    return error.exit_status();
}

} // namespace stakeout
