// Two legitimate writers without a common lock: one reads, another writes, the first writes what it made of
// the old value. In the order of the hits that shows as a write whose result fits a value from before another
// task's write.
#pragma once

#include "watchpoints/hit/hit.h"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace stakeout {

struct LostUpdate {
    std::uint64_t writer = 0;      // number of the hit that overwrote
    std::uint64_t overwritten = 0; // number of the first hit whose result was lost
    std::string writer_function, overwritten_function;
    std::uint64_t apart_ns = 0; // between both
};

class LostUpdates {
  public:
    // Each hit once, in order, with its writer's function. The lost update that this hit is, if it is one:
    // its result is what its function usually makes of a value, of a value that another task had replaced
    // meanwhile.
    std::optional<LostUpdate> add(const Hit& hit, const std::string& function);

  private:
    struct Past {
        std::uint64_t seq, old_value, new_value, time_ns;
        std::uint32_t tid;
        std::string function;
    };
    [[nodiscard]] std::optional<std::int64_t> usual_step(const std::string& function) const;

    std::deque<Past> past_;                                              // the last few
    std::map<std::string, std::map<std::int64_t, std::uint64_t>> steps_; // function -> new - old -> how often
};

} // namespace stakeout
