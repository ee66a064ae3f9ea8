// Targets that follow one another in the slots of one watch: whoever knows which object comes next moves the
// armed slots to it. A move takes some ten microseconds a CPU, where arming anew takes tens of milliseconds.
//
// Contract: the watch is armed with targets at parking places, which nobody writes to. turn() is called in
// every turn of the watch's loop, after the hits at hand were shown, and soon after fd() became readable.
#pragma once

#include "base/result.h"
#include "watchpoints/hit/hit.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace stakeout {

class TargetMover {
  public:
    virtual ~TargetMover() = default;
    struct Moved {
        std::uint64_t armed_ns = 0; // CLOCK_MONOTONIC: from here on every CPU traps
        std::optional<Value> value; // just before; absent: it could not be read
    };
    // To another address, with the same size and the same remainder by 8 (else CannotArm); not per-CPU.
    virtual Result<Moved> move(std::size_t target, std::uint64_t address) = 0;
    // Back to its parking place: no more hits when this returns.
    virtual Status park(std::size_t target) = 0;
    [[nodiscard]] virtual std::optional<Value> value(std::size_t target) const = 0; // as it is now
};

class Succession {
  public:
    virtual ~Succession() = default;
    [[nodiscard]] virtual int fd() const = 0;
    // An error ends the watch.
    virtual Status turn(TargetMover& mover) = 0;
    // The watch is over, its slots are still armed.
    virtual void end(TargetMover& mover) = 0;
};

} // namespace stakeout
