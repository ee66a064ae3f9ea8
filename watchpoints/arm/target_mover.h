// The moving of an armed watch's targets (succession.h). Private to arm/.
#pragma once

#include "watchpoints/arm/succession.h"
#include "watchpoints/arm/watch_state.h"

#include <vector>

namespace stakeout {

class WatchTargetMover final : public TargetMover {
  public:
    explicit WatchTargetMover(Watch::State& state);
    Result<Moved> move(std::size_t target, std::uint64_t address) override;
    Status park(std::size_t target) override;
    [[nodiscard]] std::optional<Value> value(std::size_t target) const override;

  private:
    Watch::State& s_;
    std::vector<std::uint64_t> parking_; // address of each target when the watch was armed
};

} // namespace stakeout
