// What was typed -> a place in the guest's memory.
#pragma once

#include "base/result.h"
#include "xen-bridge/backend/backend.h"
#include "xen-bridge/watch/guest_view.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

// One of gpa, gva and symbol.
struct GuestQuery {
    std::string gpa, gva, symbol; // as typed; empty: not given
    std::string type;             // C type of the symbol; empty: as known
    std::optional<std::uint32_t> guest_pid;
    std::optional<std::uint64_t> length;
    bool function = false; // an execute watch
};

struct GuestResolution {
    GuestPlace place;               // of a range: its first byte, and all of its size
    std::vector<GuestPlace> pieces; // of a range: one for each frame; else empty
    std::string type;               // where the guest's types tell it
    bool is_signed = false;
    std::string note;
};

// Errors: Usage for what cannot be read or is contradictory; CannotArm where the guest has no such memory,
// with what is near.
[[nodiscard]] Result<GuestResolution> resolve_in_guest(GuestView& view, const GuestQuery& query);

} // namespace stakeout
