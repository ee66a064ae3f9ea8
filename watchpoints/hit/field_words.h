// A script's field as people read it: its number as the script declared it, or its text as it is.
#pragma once

#include "watchpoints/hit/hit.h"

#include <string>

namespace stakeout {

std::string field_words(const ScriptField& field);

} // namespace stakeout
