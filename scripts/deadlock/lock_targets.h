// Targets, as the resolver found them, -> locks: their kind, and the word of each that is to be watched.
#pragma once

#include "scripts/deadlock/kernel_layout.h"
#include "scripts/deadlock/lock.h"
#include "watchpoints/target/resolver.h"

#include <optional>
#include <vector>

namespace stakeout {

// How many bytes of a lock the resolver must be asked for, where it cannot tell them itself.
constexpr std::uint64_t lock_query_bytes = 8;

// The kind is `kind`, else what the target's type tells: BTF's for kernel memory, DWARF's for a process's
// variable. The targets then mean the words instead of the locks. Errors: Usage, with what to do: the type is
// no lock's or is not known, a kernel lock in a process or the reverse; CannotArm: this kernel's locks are
// built otherwise.
Result<std::vector<Lock>> locks_of(std::vector<Target>& targets, std::optional<LockKind> kind,
                                   std::optional<int> pid, const KernelLayout& layout);

// The lock of that kind at an address, with its word.
Result<Lock> lock_at(std::string name, LockKind kind, std::uint64_t address, const KernelLayout& layout);

} // namespace stakeout
