// Where things lie in the guest kernel's structures, from its BTF and its symbols.
#pragma once

#include "base/result.h"
#include "watchpoints/target/kernel_symbols.h"
#include "watchpoints/target/kernel_types.h"
#include "xen-bridge/guest/guest_memory.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace stakeout {

// The kernel's types from its own memory: the bytes from __start_BTF to __stop_BTF, some 5 MB. The guest may
// have written anything there: sizes are limited, and libbpf and KernelTypes look at them with suspicion.
// Error (CannotArm): the symbols are not there (CONFIG_DEBUG_INFO_BTF, CONFIG_KALLSYMS_ALL), the memory
// cannot be read, it is no BTF.
Result<std::unique_ptr<KernelTypes>> types_in_memory(GuestMemory& memory, const KernelSymbols& symbols);
// The same from a file: raw BTF (bpftool btf dump file ... format raw; /sys/kernel/btf/vmlinux of the guest),
// or the .BTF section of a vmlinux.
Result<std::unique_ptr<KernelTypes>> types_in_file(const std::string& path);

// Asks for one field after another, and remembers the first that is missing.
class FieldReader {
  public:
    explicit FieldReader(const KernelTypes& types) : types_(types) {}
    // Offset in bytes; anonymous structs and unions are looked into. It must have `bytes` bytes (0: any
    // number).
    std::uint64_t offset(std::string_view type, std::string_view field, std::uint64_t bytes);
    [[nodiscard]] const std::optional<Error>& missing() const { return missing_; }

  private:
    const KernelTypes& types_;
    std::optional<Error> missing_;
};

// Offsets in bytes.
struct TaskOffsets {
    std::uint64_t pid = 0, tgid = 0, comm = 0, mm = 0, tasks = 0, stack = 0; // struct task_struct
    std::uint64_t comm_bytes = 0;                                            // 16
    std::uint64_t pgd = 0;                                                   // struct mm_struct
};
// What tells the task on a CPU. Add a CPU's base (its kernel GS base) to per-CPU addresses, modulo 2^64.
struct TaskFinder {
    TaskOffsets offsets;
    std::uint64_t current_task = 0;   // per-CPU: current_task (to 6.1, from 6.15), pcpu_hot.current_task
    std::uint64_t init_task = 0;      // address
    std::uint64_t per_cpu_offset = 0; // address of __per_cpu_offset[]; 0: not known
    std::optional<std::uint64_t> cpu_number; // per-CPU: cpu_number, pcpu_hot.cpu_number
};
// Error (CannotArm): names what is missing.
Result<TaskFinder> task_finder(const KernelTypes& types, const KernelSymbols& symbols);

} // namespace stakeout
