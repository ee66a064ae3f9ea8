// Guest-physical frames and frames as the guest's page tables have them. PVH and HVM: the same numbers. PV:
// its kernel keeps a table from physical to machine frames (shared_info.arch.p2m_vaddr, a linear list in its
// own address space), and Xen one for the other way, which dom0 may read.
#pragma once

#include "base/result.h"
#include "xen-bridge/domain/domain.h"
#include "xen-bridge/domain/foreign_frames.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace stakeout {

class PhysicalFrames {
  public:
    PhysicalFrames(const Hypervisor& xen, const Domain& domain, ForeignFrames& frames)
        : xen_(xen), domain_(domain), frames_(frames) {}
    // Error (CannotArm): no such guest-physical frame; a PV kernel that does not tell its table.
    [[nodiscard]] Result<std::uint64_t> machine_frame(std::uint64_t physical_frame);
    // Absent: not known, or not this guest's.
    [[nodiscard]] std::optional<std::uint64_t> physical_frame(std::uint64_t machine_frame);

  private:
    [[nodiscard]] Result<std::uint64_t> by_guest_table(std::uint64_t physical_frame);
    [[nodiscard]] std::optional<std::uint64_t> by_xen_table(std::uint64_t machine_frame);

    const Hypervisor& xen_;
    const Domain& domain_;
    ForeignFrames& frames_;
    std::vector<std::uint64_t> xen_table_; // first frames of its 2 MiB pieces
};

} // namespace stakeout
