// One followed object's life, as the follower tells it: where it was, from when to when, how it ended.
#pragma once

#include "watchpoints/hit/hit.h"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace stakeout {

struct ObjectLife {
    std::uint64_t number = 0;  // from 1, in the order of births
    std::size_t place = 0;     // the watch's target that follows it
    std::uint64_t address = 0; // of the object
    std::uint64_t counter = 0; // of its counter
    std::uint64_t born_ns = 0, armed_ns = 0;
    std::optional<Value> first; // of the counter, when it was armed
};

struct LifeEnd {
    enum class How {
        Freed,
        FreedUnseen, // its place was given to another object
        StillAlive,  // it was followed for as long as was asked
        WatchOver,
    } how = How::StillAlive;
    std::uint64_t time_ns = 0;
    std::optional<Value> last; // of the counter, when it ended
};

class LifeListener {
  public:
    virtual ~LifeListener() = default;
    virtual void on_life(const ObjectLife& life) = 0;
    virtual void on_life_end(std::size_t place, const LifeEnd& end) = 0;
    // Born and freed before it could be armed; or it lay where the slot did not fit.
    virtual void on_missed_life() = 0;
};

} // namespace stakeout
