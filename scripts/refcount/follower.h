// Takes births one by one, moves an armed slot onto each object's counter, and leaves it when the object is
// freed or was followed for long enough.
#pragma once

#include "scripts/refcount/births.h"
#include "scripts/refcount/object_life.h"
#include "watchpoints/arm/succession.h"

#include <chrono>
#include <map>
#include <memory>
#include <vector>

namespace stakeout {

class Follower final : public Succession {
  public:
    struct Plan {
        std::size_t places = 1;               // objects at the same time: targets of the watch
        std::uint64_t objects = 0;            // after so many none is taken any more; 0: no limit
        std::chrono::nanoseconds for_each{0}; // an object is followed for that long at the most
        std::uint64_t offset = 0;             // of the counter in the object
        std::uint32_t bytes = 4;
    };
    // `lives` must outlive this.
    Follower(std::unique_ptr<Births> births, const Plan& plan, LifeListener& lives);

    [[nodiscard]] int fd() const override { return births_->fd(); }
    Status turn(TargetMover& mover) override;
    void end(TargetMover& mover) override;

    [[nodiscard]] std::uint64_t births() const { return births_->births(); }

  private:
    struct Place {
        bool taken = false;
        std::uint64_t address = 0, until_ns = 0;
    };
    void want();
    Status take_events(TargetMover& mover);
    Status begin(const births_event& birth, TargetMover& mover);
    Status leave(std::size_t place, const LifeEnd& end, TargetMover& mover);
    Status end_overdue(TargetMover& mover);

    std::unique_ptr<Births> births_;
    Plan plan_;
    LifeListener& lives_;
    std::vector<Place> places_;
    std::uint64_t number_ = 0, wanted_ = 0;
};

} // namespace stakeout
