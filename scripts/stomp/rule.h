// Which writes are legitimate: named writers, writers learnt in a training interval, or a rule on the value.
#pragma once

#include "scripts/stomp/writer.h"

#include <chrono>
#include <set>
#include <string>
#include <vector>

namespace stakeout {

struct StompRule {
    std::vector<std::string> writers; // functions, or modules as "module:" or "libfoo.so:"
    std::chrono::nanoseconds learn{0};
    bool never_changes = false;
    std::string valid; // the expression as typed; hits that satisfy it are dropped in the kernel

    [[nodiscard]] bool by_writer() const { return !writers.empty() || learn.count() != 0; }
    [[nodiscard]] bool by_value() const { return never_changes || !valid.empty(); }
    [[nodiscard]] bool any() const { return by_writer() || by_value(); }
};

// Is this frame's function, or its module, in the list? Parts that the compiler split off ("f.cold",
// "f.isra.0") are f.
bool names_writer(const std::vector<std::string>& writers, const Frame& frame);

// "set_state, reset", "what was written in the first 10 s"
std::string describe(const StompRule& rule);

} // namespace stakeout
