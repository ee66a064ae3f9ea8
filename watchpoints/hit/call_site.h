// Return addresses: does a call end here?
#pragma once

#include "watchpoints/hit/instruction.h"

#include <cstdint>

namespace stakeout {

// True if the bytes before `address` are a call instruction: then a word on the stack with this value is, in
// all likelihood, a return address.
bool follows_call(std::uint64_t address, const CodeReader& code);

} // namespace stakeout
