// A watch that never was, told to a listener: hits, looks, brakes, coverage, as a real one tells them. For
// the tests of what shows them, which need names that no real program dares to have.
#pragma once

#include "watchpoints/arm/watch.h"

#include <cstdint>
#include <string>

namespace stakeout::made {

inline constexpr std::uint64_t start_ns = 5'000'000'000;
inline constexpr std::int64_t wall_ahead_ns = 1'700'000'000'000'000'000;

Value value_of(std::uint64_t number, std::size_t width = 8);
Armed armed();
// A program that writes a balance from three functions in four tasks, and a counter from the kernel; every
// eighth hit is read. `hostile`: what can be named has names that try to become markup, code or a terminal's
// commands.
Hit hit(std::uint64_t number, bool hostile);
Look look(std::uint64_t hit, bool hostile);
Summary summary(std::uint64_t hits);

// All of it: armed, hits a millisecond apart, a look every thousandth hit, two brakes, one change of
// coverage, one notice, and the summary.
void tell(WatchListener& listener, std::uint64_t hits, bool hostile, bool ended = true);

} // namespace stakeout::made
