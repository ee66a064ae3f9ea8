// Which frames a guest has written: Xen's log of dirty frames, as live migration uses it. HVM and PVH; stock
// Xen has none for PV guests. While it is on, the first write to each frame after a look goes through Xen, in
// the whole domain.
#pragma once

#include "xen-bridge/domain/domain.h"

#include <cstdint>
#include <vector>

namespace stakeout {

class LogDirty {
  public:
    LogDirty(const Hypervisor& xen, const Domain& domain) : xen_(xen), domain_(domain.id) {}
    // False: Xen has none for this domain, or a migration uses it.
    [[nodiscard]] bool begin();
    // The frames among [first, first + count) that were written since the last look. False: Xen did not tell.
    [[nodiscard]] bool look(std::uint64_t first, std::uint64_t count, std::vector<std::uint64_t>& written);

  private:
    int operate(std::uint32_t operation, const class CallBuffer* bitmap, std::uint64_t pages);
    const Hypervisor& xen_;
    std::uint32_t domain_;
};

} // namespace stakeout
