#include "tools/options/access_flags.h"

namespace stakeout {

Result<AccessKind> AccessFlags::kind() const {
    if (write + read_write + read + execute > 1)
        return usage_error("choose the accesses", "more than one of --w, --rw, --r and --x was given",
                           "give one");
    if (execute) return AccessKind::Execute;
    if (read) return AccessKind::Read;
    return read_write ? AccessKind::ReadWrite : AccessKind::Write;
}

} // namespace stakeout
