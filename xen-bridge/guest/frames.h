// The guest's memory by frames. The one door to the guest: everything in this folder reads through it, so
// that all of it can be tested without a hypervisor.
#pragma once

#include <cstdint>
#include <span>

namespace stakeout {

// The number space is that of the guest's page tables: machine frames for a PV guest, guest frames for PVH
// and HVM.
class GuestFrames {
  public:
    GuestFrames() = default;
    GuestFrames(const GuestFrames&) = delete;
    GuestFrames& operator=(const GuestFrames&) = delete;
    virtual ~GuestFrames() = default;

    // The 4096 bytes of a frame, mapped for reading; valid until the next call of forget(). Empty: no such
    // frame (a hole, ballooned out, not the guest's). The guest runs on: its bytes may change at any time.
    virtual std::span<const std::uint8_t> frame(std::uint64_t number) = 0;
    // These frames (256 at most) will be asked for next: whoever maps one by one slowly can map them all at
    // once.
    virtual void expect(std::span<const std::uint64_t> numbers) { (void)numbers; }
    // Unmaps what is mapped: frames may be given back by the guest.
    virtual void forget() = 0;
};

} // namespace stakeout
