#include "scripts/deadlock/lock_targets.h"

#include "watchpoints/target/variable_type.h"

#include <fmt/format.h>

namespace stakeout {
namespace {

struct Word {
    std::uint64_t offset = 0;
    std::uint32_t width = 0;
    std::uint64_t lock_size = 0;
};

// pthread_mutex_t and pthread_rwlock_t: glibc's nptl/bits for x86-64, part of its ABI.
constexpr Word pthread_mutex_owner{8, 4, 40};
constexpr Word pthread_rwlock_readers{0, 4, 56};

std::optional<Word> word_of(LockKind kind, const KernelLayout& layout) {
    switch (kind) {
    case LockKind::Mutex:
        if (!layout.mutex_owner) return std::nullopt;
        return Word{*layout.mutex_owner, 8, layout.mutex ? layout.mutex->lock_size : 32};
    case LockKind::Rwsem:
        if (!layout.rwsem_count) return std::nullopt;
        return Word{*layout.rwsem_count, 8, layout.rwsem ? layout.rwsem->lock_size : 40};
    case LockKind::Semaphore:
        // Inner lock and count in one word; a kernel with lock debugging has more between them.
        if (layout.semaphore_lock != 0U || layout.semaphore_count != 4U) return std::nullopt;
        return Word{0, 8, layout.semaphore ? layout.semaphore->lock_size : 24};
    case LockKind::Spinlock:
        return Word{0, 4, 4};
    case LockKind::PthreadMutex:
    case LockKind::StdMutex:
        return pthread_mutex_owner;
    case LockKind::PthreadRwlock:
        return pthread_rwlock_readers;
    case LockKind::Futex:
        break;
    }
    return Word{0, 4, 4};
}

std::string type_of(const Target& target, std::optional<int> pid) {
    return pid ? variable_type(*pid, target.name) : target.type;
}

Result<LockKind> kind_of(const Target& target, std::optional<LockKind> given, std::optional<int> pid) {
    const std::string tried = fmt::format("diagnose the lock '{}'", target.name);
    std::optional<LockKind> kind = given;
    if (!kind) {
        const std::string type = type_of(target, pid);
        kind = lock_kind_of_type(type);
        if (!kind && type.empty())
            return usage_error(tried, "what kind of lock it is cannot be told: its type is not known",
                               pid ? "say it with --kind pthread_mutex, pthread_rwlock, std_mutex or futex"
                                   : "say it with --kind mutex, rwsem, spinlock or semaphore");
        if (!kind)
            return usage_error(tried, fmt::format("its type, {}, is no lock that is known", type),
                               "name the lock itself (NAME+OFFSET), or say what it is with --kind");
    }
    if (is_kernel_kind(*kind) == pid.has_value())
        return usage_error(tried,
                           fmt::format("a {} is a lock of {}", to_word(*kind),
                                       is_kernel_kind(*kind) ? "the kernel, not of a process"
                                                             : "a process, not of the kernel"),
                           pid ? "leave out --pid, or give another --kind"
                               : "give the process with --pid, or another --kind");
    return *kind;
}

} // namespace

Result<Lock> lock_at(std::string name, LockKind kind, std::uint64_t address, const KernelLayout& layout) {
    const auto word = word_of(kind, layout);
    if (!word)
        return arm_error(fmt::format("diagnose the lock '{}'", name),
                         fmt::format("this kernel builds a {} in another way than is known", to_word(kind)),
                         "watch its fields with `stakeout watch`");
    return Lock{std::move(name), kind, address, word->lock_size, address + word->offset, word->width, true};
}

Result<std::vector<Lock>> locks_of(std::vector<Target>& targets, std::optional<LockKind> kind,
                                   std::optional<int> pid, const KernelLayout& layout) {
    std::vector<Lock> locks;
    for (Target& target : targets) {
        auto one = kind_of(target, kind, pid);
        if (!one) return std::move(one).error();
        auto lock = lock_at(target.name, *one, target.address, layout);
        if (!lock) return std::move(lock).error();
        if (target.is_per_cpu())
            return usage_error(fmt::format("diagnose the lock '{}'", target.name), "it is a per-CPU variable",
                               "give one CPU's lock by its address, with --kind");
        target.address = lock->word_address;
        target.size = lock->word_width;
        target.type.clear(); // of the lock, not of its word
        target.type_id = 0;
        locks.push_back(std::move(*lock));
    }
    return locks;
}

} // namespace stakeout
