// Learns two things about this machine when arming, by hitting a word of our own a few times:
// what a debug exception costs here, and how a hit program can stop its event on this kernel.
#pragma once

#include "base/result.h"
#include "loader/hit_program.h"

#include <chrono>

namespace stakeout {

enum class StopWay {
    ByReturn, // the program's return value counts against the event's limit (since Linux 6.11): stops in the
              // same hit
    ByLimit,  // every hit counts against it: the limit has to be the budget, refilled from user space
};

struct Calibration {
    std::chrono::nanoseconds exception_cost{0};
    StopWay stop_way = StopWay::ByReturn;
};

// Takes one slot of this task for about a millisecond. Error (CannotArm): no slot is free.
Result<Calibration> calibrate(HitProgram& program);

} // namespace stakeout
