// What an access event's instruction does to the memory that the event names: how many bytes, read or
// written.
//
// The registers are those *before* the instruction, so every operand's address can be computed, segment bases
// included, and compared with the event's linear address. Xen's own read and write flags do not tell: nested
// page tables report many plain writes as both.
#pragma once

#include "watchpoints/hit/hit.h"
#include "xen-bridge/guest/frames.h"
#include "xen-bridge/records/vm_event_ring.h"

#include <cstdint>
#include <optional>

namespace stakeout {

struct DecodedAccess {
    Access access = Access::Unknown;
    std::uint64_t bytes = 1; // from the event's address on; 1 where the instruction does not tell
    std::optional<Instruction> instruction;
};

class AccessDecoder {
  public:
    explicit AccessDecoder(GuestFrames& frames) : frames_(frames) {}
    [[nodiscard]] DecodedAccess decode(const VmEvent& event);

  private:
    GuestFrames& frames_;
};

} // namespace stakeout
