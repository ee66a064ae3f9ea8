// Which futex a process's threads sleep on, and which lock that is.
#pragma once

#include "scripts/deadlock/lock.h"
#include "scripts/deadlock/task_table.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace stakeout {

struct FutexWait {
    std::uint64_t address = 0; // of the futex word
    bool timed = false;        // it gives up after a time: what looks like a circle may come apart
};
std::optional<FutexWait> futex_wait_in(const SleepingCall& call);

// The lock that a futex word belongs to, where it looks like a held pthread_mutex: its owner is a thread of
// the process.
std::optional<Lock> lock_behind(const FutexWait& wait, int pid);

// Does it want to read? A pthread_rwlock's readers sleep on __wrphase_futex, and so does a writer that waits
// for readers: `call_frames` (its user stack now) tell.
bool wants_to_read(const Lock& lock, std::span<const Frame> user_stack);

// All of it or nothing.
bool read_process(int pid, std::uint64_t address, std::span<std::uint8_t> into);
// Up to 8 bytes as a number. Absent: not readable.
std::optional<std::uint64_t> read_process_word(int pid, std::uint64_t address, std::uint32_t width);

// "queue_mutex" for the address of a variable of that name, "0x7f..." otherwise.
std::string name_of_variable(int pid, std::uint64_t address);

} // namespace stakeout
