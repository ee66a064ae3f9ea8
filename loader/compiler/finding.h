// What our own look at a script found. Plain data: made by the inspector, shown by the commands, used to
// explain a later refusal of the kernel's verifier at the same line.
#pragma once

#include <string>

namespace stakeout {

struct Finding {
    enum class Severity {
        Error, // the kernel would refuse it, or it would do harm: the script is not loaded
        Hint,  // may well be right; says what to look at when the verifier refuses this line
    };
    Severity severity = Severity::Hint;
    int line = 0;        // of the script, from 1 on; 0: not known
    std::string rule;    // a short name that stays: "endless-loop", "stack-too-large"
    std::string text;    // what is wrong, in the script's terms: "this loop has no way out"
    std::string instead; // what to write instead; may be empty

    friend bool operator==(const Finding&, const Finding&) = default;
};

} // namespace stakeout
