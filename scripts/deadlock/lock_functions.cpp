#include "scripts/deadlock/lock_functions.h"

#include <algorithm>
#include <array>
#include <initializer_list>

namespace stakeout {
namespace {

bool begins_with_any(std::string_view text, std::initializer_list<std::string_view> beginnings) {
    return std::any_of(beginnings.begin(), beginnings.end(),
                       [&](std::string_view one) { return text.starts_with(one); });
}

bool contains_any(std::string_view text, std::initializer_list<std::string_view> parts) {
    return std::any_of(parts.begin(), parts.end(),
                       [&](std::string_view one) { return text.find(one) != std::string_view::npos; });
}

bool is_kernel_lock_function(std::string_view name) {
    if (name == "down" || name == "up" || name == "schedule" || name == "__schedule") return true;
    return begins_with_any(name, {"mutex_",
                                  "__mutex_",
                                  "ww_mutex_",
                                  "__ww_mutex_",
                                  "_raw_spin_",
                                  "__raw_spin_",
                                  "_raw_read_",
                                  "_raw_write_",
                                  "queued_spin_",
                                  "native_queued_spin_",
                                  "__pv_queued_spin_",
                                  "down_",
                                  "__down",
                                  "___down",
                                  "up_",
                                  "__up",
                                  "rwsem_",
                                  "atomic_",
                                  "arch_atomic",
                                  "schedule_",
                                  "io_schedule",
                                  "osq_",
                                  "rt_mutex_"});
}

bool is_library(std::string_view module) {
    const std::string_view file = module.substr(module.rfind('/') + 1);
    return begins_with_any(file,
                           {"libc.so", "libc-", "libpthread", "libstdc++", "libc++", "ld-linux", "ld-2"});
}

bool is_user_lock_function(LockKind kind, const Frame& frame) {
    if (is_library(frame.module)) return true;
    const std::string_view name = frame.symbol;
    if (begins_with_any(
            name, {"pthread_", "__pthread_", "___pthread_", "__lll_", "__gthread_", "__gthrw_", "std::"}))
        return true;
    return kind == LockKind::Futex && (contains_any(name, {"futex", "mutex"}) ||
                                       begins_with_any(name, {"lock", "unlock", "acquire", "release"}) ||
                                       name.ends_with("lock") || name == "syscall");
}

} // namespace

bool is_lock_function(LockKind kind, const Frame& frame) {
    return is_kernel_kind(kind) ? is_kernel_lock_function(frame.symbol) : is_user_lock_function(kind, frame);
}

const Frame* taker_in(LockKind kind, std::span<const Frame> kernel_stack, std::span<const Frame> user_stack) {
    const std::span<const Frame> stack = is_kernel_kind(kind) ? kernel_stack : user_stack;
    const auto found = std::find_if(stack.begin(), stack.end(),
                                    [&](const Frame& frame) { return !is_lock_function(kind, frame); });
    return found == stack.end() ? nullptr : &*found;
}

LockCall call_in(std::span<const Frame> stack) {
    for (const Frame& frame : stack) {
        const std::string_view name = frame.symbol;
        if (contains_any(name, {"unlock"}) || name == "up" ||
            begins_with_any(name, {"up_read", "up_write", "__up"}))
            return LockCall::Release;
        if (contains_any(name, {"down_read", "rdlock", "lock_shared"})) return LockCall::Shared;
        if (contains_any(name, {"down_write", "wrlock"}) || name == "down" || name.starts_with("down_") ||
            contains_any(name, {"mutex_lock", "spin_lock", "mutex_trylock", "spin_trylock"}))
            return LockCall::Exclusive;
    }
    return LockCall::Unknown;
}

LockCall semaphore_call_in(std::span<const Frame> stack) {
    for (const Frame& frame : stack) {
        const std::string_view name = frame.symbol;
        if (name == "up" || name.starts_with("__up")) return LockCall::Release;
        if (name == "down" || begins_with_any(name, {"down_", "__down", "___down"}))
            return LockCall::Exclusive;
        if (contains_any(name, {"spin_unlock"})) return LockCall::Unknown;
    }
    return LockCall::Unknown;
}

std::optional<LockKind> sleeps_for(std::string_view function) {
    if (begins_with_any(function, {"__mutex_lock", "__ww_mutex_lock", "mutex_lock"})) return LockKind::Mutex;
    if (begins_with_any(function, {"rwsem_down_", "down_read", "down_write"})) return LockKind::Rwsem;
    if (function == "down" || begins_with_any(function, {"__down", "___down", "down_"}))
        return LockKind::Semaphore;
    return std::nullopt;
}

} // namespace stakeout
