// A domain as its kernel sees it: its memory by linear addresses, its kernel's symbols and types. Found once,
// when the bridge looks at the guest for the first time; missing knowledge is said, not guessed.
#pragma once

#include "base/result.h"
#include "xen-bridge/domain/domain.h"
#include "xen-bridge/domain/foreign_frames.h"
#include "xen-bridge/domain/physical_frames.h"
#include "xen-bridge/guest/guest_kernel.h"
#include "xen-bridge/guest/guest_memory.h"
#include "xen-bridge/guest/guest_task.h"
#include "xen-bridge/guest/registers.h"

#include <memory>
#include <optional>
#include <string>

namespace stakeout {

class GuestView {
  public:
    // `symbols_file`: System.map or vmlinux; empty: the guest's own tables. Error (CannotArm): the domain has
    // no vCPU to look through. An unknown kernel is no error: kernel() is null then, why_no_kernel() says
    // why.
    static Result<std::unique_ptr<GuestView>> look(const Hypervisor& xen, const Domain& domain,
                                                   const std::string& symbols_file);

    [[nodiscard]] const Domain& domain() const { return domain_; }
    [[nodiscard]] ForeignFrames& frames() { return frames_; }
    [[nodiscard]] PhysicalFrames& physical() { return physical_; }
    [[nodiscard]] GuestMemory& kernel_memory() { return *memory_; } // by the kernel's page tables
    [[nodiscard]] const GuestKernel* kernel() const { return kernel_.get(); }
    [[nodiscard]] const std::optional<Error>& why_no_kernel() const { return why_no_kernel_; }
    // Memory as a vCPU sees it at this moment of its registers.
    [[nodiscard]] GuestMemory memory_of(const GuestRegisters& registers);

  private:
    GuestView(const Hypervisor& xen, const Domain& domain)
        : xen_(xen), domain_(domain), frames_(xen, domain.id), physical_(xen, domain_, frames_) {}

    const Hypervisor& xen_;
    Domain domain_;
    ForeignFrames frames_;
    PhysicalFrames physical_;
    std::optional<GuestMemory> memory_;
    std::unique_ptr<GuestKernel> kernel_;
    std::optional<Error> why_no_kernel_;
};

} // namespace stakeout
