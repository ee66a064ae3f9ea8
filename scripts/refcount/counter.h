// What a hit did to a counter: took a reference, gave one back, set it anew, or nothing.
//
// The value is read after the trap, so with two CPUs at work one hit may show both their steps and the other
// none; which step an instruction makes is then told by what it did at other times (lock inc always adds
// one).
#pragma once

#include "watchpoints/hit/hit.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

namespace stakeout {

enum class CountKind {
    Refcount, // zero is the end of a life: refcount_t, struct kref
    Count,    // zero is a value like others: users, atomic_t
};

struct CountStep {
    enum class Kind { Get, Put, Set, Nothing } kind = Kind::Nothing;
    std::int64_t from = 0, to = 0; // as the hit shows them
    std::uint64_t references = 0;  // of a Get or Put: how many
    bool below_zero = false;       // the counter is negative after it
    bool saturated = false; // refcount_t gave the counter up (REFCOUNT_SATURATED, include/linux/refcount.h)
    bool from_zero = false; // a Get that found zero
};

class Counter {
  public:
    explicit Counter(CountKind kind) : kind_(kind) {}
    CountStep step(const Hit& hit);
    [[nodiscard]] CountKind kind() const { return kind_; }

    static constexpr std::int64_t refcount_saturated = -0x40000000; // INT_MIN / 2
    static constexpr std::int64_t most_at_once = 1024;              // more is a value that was set

  private:
    struct Habit {
        std::uint64_t gets = 0, puts = 0;
        bool from_above_zero = false; // it has added to a counter that was not zero
    };

    CountKind kind_;
    std::map<std::uint64_t, Habit> habits_; // by instruction pointer
};

// A counter's value as a signed number of its width; absent: not known.
std::optional<std::int64_t> counter_value(const std::optional<Value>& value);
// By a type's name in C: "refcount_t", "struct kref".
CountKind kind_of_type(std::string_view type);

} // namespace stakeout
