// What a report comes down to, in sentences: who touched the memory most and last, and what the watch cannot
// answer for. Only what was counted; no guess.
#pragma once

#include "report/report.h"

#include <string>
#include <vector>

namespace stakeout {

struct Verdict {
    std::string headline;
    std::vector<std::string> lines;
};

// Names in it are as in the report: who shows it escapes it.
Verdict verdict_of(const Report& report);

// "ledger 77"; of a thread beside the first, "ledger 77/78".
std::string task_words(const TaskHits& task);
// Who had called the function that made an access, as its stack says; empty: not known.
std::string caller_of(const Report& report, std::uint32_t stack);
std::string targets_words(const Report& report); // "balance", "balance and 2 more"

} // namespace stakeout
