#include "scripts/deadlock/lock_kind.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace stakeout {
namespace {

constexpr std::array<std::pair<std::string_view, LockKind>, 8> words{
    {{"mutex", LockKind::Mutex},
     {"rwsem", LockKind::Rwsem},
     {"spinlock", LockKind::Spinlock},
     {"semaphore", LockKind::Semaphore},
     {"pthread_mutex", LockKind::PthreadMutex},
     {"pthread_rwlock", LockKind::PthreadRwlock},
     {"futex", LockKind::Futex},
     {"std_mutex", LockKind::StdMutex}}};

// include/linux/mutex.h and kernel/locking/mutex.h: low bits of owner, which task_structs' alignment leaves
// free.
constexpr std::uint64_t mutex_waiters = 1, mutex_pickup = 4, mutex_flags = 7;
// kernel/locking/rwsem.c: bits of count.
constexpr std::uint64_t rwsem_writer = 1, rwsem_waiters = 2;
constexpr unsigned rwsem_reader_shift = 8;
// glibc's nptl/pthread_rwlock_common.c: bits of __readers.
constexpr std::uint64_t write_phase = 1, write_locked = 2, read_waiting = 4;
constexpr unsigned reader_shift = 3;
// include/asm-generic/qspinlock_types.h
constexpr std::uint64_t spin_locked = 0xff;

WordState decode_mutex(std::uint64_t word) {
    WordState state;
    state.contended = (word & mutex_waiters) != 0;
    // Handed off to a waiter that has not woken up yet: nobody holds it.
    if ((word & mutex_pickup) != 0) return state;
    state.owner = word & ~mutex_flags;
    state.writer = state.owner != 0;
    return state;
}

WordState decode_rwsem(std::uint64_t word) {
    WordState state;
    state.writer = (word & rwsem_writer) != 0;
    state.contended = (word & rwsem_waiters) != 0;
    // The top bit is a guard against overflow. A reader that is about to find out that it must wait is
    // counted for a moment, too.
    state.readers = (word & ~(1ULL << 63)) >> rwsem_reader_shift;
    return state;
}

WordState decode_rwlock(std::uint64_t word) {
    WordState state;
    const bool write = (word & write_phase) != 0;
    const bool claimed = (word & write_locked) != 0;
    state.writer = write && claimed;
    // In a write phase that a writer holds, those counted wait.
    state.readers = write ? 0 : (word & 0xffffffffU) >> reader_shift;
    state.writer_waits = claimed && !write;
    state.contended = state.writer_waits || (word & read_waiting) != 0;
    return state;
}

// `word` is 8 bytes: the inner lock below, the count above.
WordState decode_semaphore(std::uint64_t word) {
    WordState state;
    state.writer = (word >> 32U) == 0;
    return state;
}

Change with_readers(const WordState& before, const WordState& after) {
    if (before.writer == after.writer && before.readers == after.readers) return Change::None;
    if (before.readers == after.readers) return after.writer ? Change::Taken : Change::Released;
    // A write phase ends with the readers let in by who leaves it; begins with the last reader's leaving.
    if (before.writer != after.writer) return Change::Unclear;
    if (after.readers == before.readers + 1) return Change::ReaderIn;
    if (after.readers + 1 == before.readers) return Change::ReaderOut;
    return Change::Unclear;
}

} // namespace

std::string_view to_word(LockKind kind) {
    for (const auto& [word, one] : words)
        if (one == kind) return word;
    return "?";
}

Result<LockKind> parse_lock_kind(std::string_view word) {
    std::string known;
    for (const auto& [one, kind] : words) {
        if (one == word) return kind;
        known += fmt::format("{}{}", known.empty() ? "" : ", ", one);
    }
    return usage_error(fmt::format("read --kind '{}'", word), "there is no such kind of lock",
                       "one of: " + known);
}

std::optional<LockKind> lock_kind_of_type(std::string_view type) {
    static constexpr std::array<std::pair<std::string_view, LockKind>, 15> types{
        {{"struct mutex", LockKind::Mutex},
         {"struct rw_semaphore", LockKind::Rwsem},
         {"struct spinlock", LockKind::Spinlock},
         {"spinlock_t", LockKind::Spinlock},
         {"struct raw_spinlock", LockKind::Spinlock},
         {"raw_spinlock_t", LockKind::Spinlock},
         {"arch_spinlock_t", LockKind::Spinlock},
         {"struct qspinlock", LockKind::Spinlock},
         {"struct semaphore", LockKind::Semaphore},
         {"pthread_mutex_t", LockKind::PthreadMutex},
         {"pthread_rwlock_t", LockKind::PthreadRwlock},
         {"std::mutex", LockKind::StdMutex},
         {"std::timed_mutex", LockKind::StdMutex},
         {"std::recursive_mutex", LockKind::StdMutex},
         {"std::shared_mutex", LockKind::PthreadRwlock}}};
    for (const auto& [name, kind] : types)
        if (name == type) return kind;
    return std::nullopt;
}

bool is_kernel_kind(LockKind kind) {
    return kind == LockKind::Mutex || kind == LockKind::Rwsem || kind == LockKind::Spinlock ||
           kind == LockKind::Semaphore;
}

bool has_readers(LockKind kind) { return kind == LockKind::Rwsem || kind == LockKind::PthreadRwlock; }

bool names_owner(LockKind kind) {
    return kind == LockKind::Mutex || kind == LockKind::PthreadMutex || kind == LockKind::StdMutex;
}

WordState decode(LockKind kind, std::uint64_t word) {
    switch (kind) {
    case LockKind::Mutex:
        return decode_mutex(word);
    case LockKind::Rwsem:
        return decode_rwsem(word);
    case LockKind::PthreadRwlock:
        return decode_rwlock(word);
    case LockKind::Semaphore:
        return decode_semaphore(word);
    case LockKind::Spinlock: {
        WordState state;
        state.writer = (word & spin_locked) != 0;
        state.contended = (word & 0xffffff00U) != 0;
        return state;
    }
    case LockKind::PthreadMutex:
    case LockKind::StdMutex: {
        WordState state;
        state.owner = word & 0xffffffffU;
        state.writer = state.owner != 0;
        return state;
    }
    case LockKind::Futex:
        break;
    }
    WordState state;
    state.writer = (word & 0xffffffffU) != 0;
    return state;
}

Change change_between(LockKind kind, std::uint64_t before, std::uint64_t after) {
    const WordState was = decode(kind, before);
    const WordState is = decode(kind, after);
    if (has_readers(kind)) return with_readers(was, is);
    if (was.writer != is.writer) return is.writer ? Change::Taken : Change::Released;
    return was.writer && was.owner != is.owner ? Change::Passed : Change::None;
}

} // namespace stakeout
