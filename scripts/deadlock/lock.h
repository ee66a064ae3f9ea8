// One lock: where it is, and what kind it is.
#pragma once

#include "scripts/deadlock/lock_kind.h"

#include <cstdint>
#include <string>

namespace stakeout {

struct Lock {
    std::string name; // as typed; of a discovered one its symbol, or "lock at 0x..."
    LockKind kind = LockKind::Mutex;
    std::uint64_t address = 0;      // of the whole object
    std::uint64_t size = 0;         // of the whole object
    std::uint64_t word_address = 0; // of the word that is watched
    std::uint32_t word_width = 0;
    bool given = true; // on the command line, and so watched; else found by following a blocked task
};

struct TaskName {
    std::uint32_t tid = 0, pid = 0;
    std::string comm;
};
inline std::string label(const TaskName& task) { return task.comm + " (" + std::to_string(task.tid) + ")"; }

} // namespace stakeout
