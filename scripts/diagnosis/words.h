// Words and pieces that the recipes' evidence shares.
#pragma once

#include "scripts/diagnosis/diagnosis.h"

#include <string>

namespace stakeout {

std::string task_in_words(const Hit& hit);   // "ledger (pid 904)"
std::string times_in_words(std::uint64_t n); // "once", "3 times"
// The hit's kernel and user stacks, as far as it has them.
void add_stacks(Evidence& evidence, const Hit& hit);

} // namespace stakeout
