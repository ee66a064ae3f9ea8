// Kinds of locks, and what the one word of each that is watched tells.
//
// The word is chosen so that one debug register sees every acquisition and release:
//
//   mutex           owner    task_struct * | flags; the kernel's own record of the holder
//   rwsem           count    writer bit, number of readers, waiters; the writer is in `owner`, which is read
//   when asked spinlock        val      locked byte, pending byte, tail (the CPU that waits last) semaphore
//   lock and count: down() and up() both take the inner lock, so that a hand-over, which leaves the
//                   count alone, is seen
//   pthread_mutex   __owner  thread id; written after the lock was got and cleared before it is given back
//   pthread_rwlock  __readers  number of readers, writer and phase bits; the writer is in __cur_writer
//   futex           the word: zero is free
#pragma once

#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace stakeout {

enum class LockKind { Mutex, Rwsem, Spinlock, Semaphore, PthreadMutex, PthreadRwlock, Futex, StdMutex };

std::string_view to_word(LockKind kind);                 // as --kind takes it
Result<LockKind> parse_lock_kind(std::string_view word); // Error: Usage
std::optional<LockKind>
lock_kind_of_type(std::string_view type); // "struct mutex", "pthread_mutex_t"; BTF and DWARF
bool is_kernel_kind(LockKind kind);
bool has_readers(LockKind kind);
// The word names its holder: a task_struct's address (mutex) or a thread id (pthread_mutex, std_mutex).
bool names_owner(LockKind kind);

struct WordState {
    bool writer = false;       // held by one alone
    std::uint64_t readers = 0; // held by so many
    std::uint64_t owner = 0;   // where the word names it
    bool contended = false;    // somebody waits; false where the word does not say
    bool writer_waits = false; // pthread_rwlock: a writer waits for the readers to leave
    [[nodiscard]] bool held() const { return writer || readers != 0; }
    bool operator==(const WordState&) const = default;
};
WordState decode(LockKind kind, std::uint64_t word);

// What a write made of the word. Flag bits, hand-offs not yet picked up and failed compare-and-exchanges are
// None.
enum class Change {
    None,
    Taken,    // by one alone
    Released, // by it
    Passed,   // from one owner to another in one step: a release that was not seen, or both at once
    ReaderIn,
    ReaderOut,
    Unclear, // several things at once: other CPUs wrote before the value could be read
};
Change change_between(LockKind kind, std::uint64_t before, std::uint64_t after);

} // namespace stakeout
