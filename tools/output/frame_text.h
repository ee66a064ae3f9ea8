// A stack frame as text, the same for hits and for diagnoses.
#pragma once

#include "watchpoints/hit/hit.h"

#include <string>

namespace stakeout {

// "main+0x1f  demo/ledger.c:39  [ledger]"; of a user frame's file only the name.
void append_frame(std::string& to, const Frame& frame, bool user);

} // namespace stakeout
