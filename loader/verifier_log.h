// The kernel verifier's log, as far as it says what is wrong: the sentence it ends with, and the line of the
// script that it was looking at.
//
// The log is made for people and changes between kernels. Since Linux 6.8 source lines come as "; TEXT @
// FILE:LINE", before that as "; TEXT" alone; then the line is found by its text.
#pragma once

#include <string>
#include <string_view>

namespace stakeout {

struct VerifierEnd {
    std::string sentence; // "R0 invalid mem access 'map_value_or_null'"; empty: the log has none
    int line = 0;         // of the script; 0: not known
    std::string call; // the helper that was being called at the end: "bpf_probe_read_kernel"; may be empty
};

// `file` as the object knows the script (its base name counts), `text` its source, which may be empty.
VerifierEnd end_of_verifier_log(std::string_view log, std::string_view file, std::string_view text);

// A line of a text, from 1 on, without the white space around it; empty: there is none.
std::string_view line_of_text(std::string_view text, int number);

} // namespace stakeout
