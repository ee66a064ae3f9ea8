// The debug registers of all vCPUs of a domain, for one watch: which slots are free on every vCPU, set there,
// kept there, looked after. The guest may use the others itself: Linux takes slot 0 first, so we begin
// with 3.
#pragma once

#include "base/result.h"
#include "watchpoints/arm/slot_plan.h"
#include "xen-bridge/backend/backend.h"
#include "xen-bridge/domain/vcpu.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace stakeout {

class VcpuSlots {
  public:
    // `armed`: called each time the registers have been written, while the domain stands still.
    VcpuSlots(const BackendRequest& request, TrapOn on, std::function<void()> armed)
        : request_(request), on_(on), armed_(std::move(armed)) {}

    // Slots for the pieces that are free on every vCPU. Error (CannotArm): not enough are, with who has them.
    Status choose(const std::vector<Slot>& pieces);
    [[nodiscard]] std::uint64_t mask() const; // a bit for each slot that was chosen, as in DR6
    // Writes them on every vCPU that was ever brought up, the domain paused meanwhile.
    Status arm();
    Status suspend(); // takes them out, keeps the choice
    Status resume();
    // Re-reads them. What was lost (the guest's own breakpoints overwrote DR7, a vCPU was unplugged and came
    // back) is set again, and told with the time since it was last seen in order.
    Status audit(BackendNews& news);
    [[nodiscard]] std::uint32_t armed_vcpus() const;
    [[nodiscard]] bool is_suspended() const { return suspended_; }

  private:
    struct Seen {
        std::uint64_t good_ns = 0; // when it was last in order; 0: never
        bool online = true;
        bool in_order = false;
    };
    [[nodiscard]] Status still_ours() const;
    Status write(std::uint32_t vcpu, DebugRegisters registers, bool set);
    Status write_all(bool set);
    [[nodiscard]] bool in_order(const DebugRegisters& registers) const;
    Status repair(std::uint32_t vcpu, const DebugRegisters& now, Seen& seen, BackendNews& news);

    const BackendRequest& request_;
    TrapOn on_;
    std::function<void()> armed_;
    std::vector<Slot> pieces_;
    std::vector<unsigned> chosen_; // slot of each piece
    DebugRegisters ours_;
    std::map<std::uint32_t, Seen> vcpus_;
    bool suspended_ = false;
};

// A pause that the guardian knows of (UndoList::Pause).
class KnownPause {
  public:
    static Result<KnownPause> begin(const BackendRequest& request);
    KnownPause(KnownPause&& other) noexcept;
    KnownPause(const KnownPause&) = delete;
    KnownPause& operator=(const KnownPause&) = delete;
    KnownPause& operator=(KnownPause&&) = delete;
    ~KnownPause();

  private:
    KnownPause(UndoList& undo, PausedDomain pause) : undo_(&undo), pause_(std::move(pause)) {}
    UndoList* undo_;
    std::optional<PausedDomain> pause_;
};

} // namespace stakeout
