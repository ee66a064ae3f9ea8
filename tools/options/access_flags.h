// --w, --rw, --r, --x.
#pragma once

#include "base/result.h"
#include "watchpoints/arm/slot_plan.h"

namespace stakeout {

struct AccessFlags {
    bool write = false, read_write = false, read = false, execute = false;

    [[nodiscard]] Result<AccessKind> kind() const; // without any: writes. Error (Usage): more than one
};

} // namespace stakeout
