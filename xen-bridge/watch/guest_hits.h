// What a backend saw -> hits as people read them: symbols, stack, task, instruction out of the guest's own
// memory.
//
// The guest has gone on when this is done: task and stack come from what was copied while the vCPU stood
// still (backend/frame_capture.h), and are absent where nothing was. A task's name and numbers are read
// later: they do not change while it lives.
#pragma once

#include "watchpoints/hit/hit.h"
#include "xen-bridge/backend/backend.h"
#include "xen-bridge/watch/guest_target.h"
#include "xen-bridge/watch/guest_view.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace stakeout {

class GuestHits {
  public:
    GuestHits(GuestView& view, const GuestResolution& resolution, std::string_view backend, bool stacks)
        : view_(view), resolution_(resolution), backend_(backend), stacks_(stacks) {}

    // `seq` is the caller's.
    [[nodiscard]] Hit build(const GuestAccess& access);

  private:
    [[nodiscard]] std::uint32_t width_of(const GuestAccess& access) const;
    void add_where(const GuestAccess& access, Hit& hit);
    void add_moment(const GuestAccess& access, Hit& hit);
    void add_stack(const GuestRegisters& registers, const std::optional<GuestTask>& task, GuestMemory& memory,
                   bool is_captured, Hit& hit);
    // The instruction that ends at the instruction pointer, swept from its function's start.
    [[nodiscard]] std::optional<Instruction> instruction_before(std::uint64_t ip);

    GuestView& view_;
    const GuestResolution& resolution_;
    std::string backend_;
    bool stacks_;
};

} // namespace stakeout
