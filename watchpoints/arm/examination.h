// What this kernel and machine can do for stakeout: each finding with its consequence and its remedy.
// Findings come from trying, where trying is possible: slots are taken, a word of our own is hit, kernel
// memory is read.
#pragma once

#include <string>
#include <vector>

namespace stakeout {

enum class Verdict {
    Good,
    Limited, // works, with the consequence told
    Missing, // a watch cannot be armed without it
};

struct MachineFinding {
    std::string subject; // "debug registers"
    Verdict verdict = Verdict::Good;
    std::string found;       // "4 of 4 free on each of 2 CPUs"
    std::string consequence; // empty when good
    std::string remedy;      // empty when there is none or none is needed
};

std::vector<MachineFinding> examine_machine();

} // namespace stakeout
