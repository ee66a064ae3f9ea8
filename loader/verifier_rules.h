// The verifier's rules in the terms of someone who writes a script.
#pragma once

#include <string>
#include <string_view>

namespace stakeout {

struct RuleInWords {
    std::string what;    // what the script does that it may not
    std::string instead; // what to write
};

// For the sentence that the verifier ended with (loader/verifier_log.h). `call`: the helper that was being
// called. Where no rule is known both are empty.
RuleInWords rule_in_words(std::string_view sentence, std::string_view call);

} // namespace stakeout
