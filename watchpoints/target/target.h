// What is watched, as addresses: the outcome of resolving what the user named, plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

// A process whose memory is watched.
struct WatchedProcess {
    int pid = 0;
    std::uint64_t mm = 0;  // kernel address of its mm_struct: what tells its accesses from other processes'
    std::uint64_t pgd = 0; // kernel address of its page tables
    std::uint32_t mm_offset = 0; // of task_struct.mm in the running kernel
};

// A kernel object whose life ends the watch.
struct WatchedObject {
    enum class Kind { Task, File } kind = Kind::Task;
    std::uint32_t tid = 0; // the task, or the process that has the file open
    int fd = -1;
    std::uint64_t address = 0; // of the task_struct or file
};

struct Target {
    std::string name;                    // as the user typed it
    std::string type;                    // C type where BTF tells it, else empty
    std::uint32_t type_id = 0;           // of the same, in Resolution::types; 0: not known
    bool is_signed = false;              // its type is a signed number
    std::uint64_t address = 0;           // first byte; for a per-CPU variable its offset from the CPU's base
    std::uint64_t size = 0;              // bytes; 1 for an execute breakpoint
    std::vector<std::uint64_t> cpu_base; // per-CPU variable: base by CPU number, 0 for CPUs that do not exist
    std::string note; // what the user should know: how the address was found, a bit-field's word

    [[nodiscard]] bool is_per_cpu() const { return !cpu_base.empty(); }
    [[nodiscard]] std::uint64_t address_on(std::uint32_t cpu) const {
        return is_per_cpu() ? cpu_base[cpu] + address : address;
    }
};

} // namespace stakeout
