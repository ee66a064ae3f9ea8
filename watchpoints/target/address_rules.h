// Which addresses are refused before arming, since the kernel would accept them in silence: ones that can
// never hit, and ones whose watching would strike the exception path itself.
#pragma once

#include "base/result.h"
#include "bpf/found.h"
#include "loader/kernel_peek.h"
#include "watchpoints/target/kernel_types.h"
#include "watchpoints/target/process_maps.h"
#include "watchpoints/target/target.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace stakeout {

enum class Half { Kernel, User, NonCanonical };
// `five_levels`: 57-bit addresses (the la57 flag); else 48.
Half half_of(std::uint64_t address, bool five_levels);
bool machine_has_five_levels();

// A target in kernel memory: canonical, mapped, in the kernel's half.
Status check_kernel_target(const Target& target, const KernelPeek& peek);
// A target in a process: in the user half and mapped there.
Status check_user_target(const Target& target, const ProcessMaps& maps, int pid);
// Not part of what every exception touches: the per-CPU words of the entry path, the stacks of the tasks.
Status check_not_exception_path(const Target& target, const KernelTypes& types,
                                std::span<const so_task> tasks);
// Per-CPU variables of the entry path, by name or by offset from the per-CPU base.
Status check_per_cpu_offset(const Target& target, const KernelTypes& types);

} // namespace stakeout
