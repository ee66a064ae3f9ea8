// Who holds the debug registers.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace stakeout {

struct SlotHolder {
    std::uint32_t pid = 0;
    std::string comm;
    int cpu = -1;                 // -1: every CPU its task runs on
    std::uint32_t target_tid = 0; // a per-task event; 0: all tasks
    std::uint64_t address = 0;
    std::uint32_t length = 0;
    std::string access;       // "w", "rw", "x"
    bool by_debugger = false; // set with ptrace: no descriptor
};

// All of them, sorted by PID. Breakpoints that the kernel set itself (kgdb, a module) have no holder to be
// found.
Result<std::vector<SlotHolder>> slot_holders();

// Puts the holders into the cause of a refusal.
void name_slot_holders(Error& error);

} // namespace stakeout
