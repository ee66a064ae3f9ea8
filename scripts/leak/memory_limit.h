// How much is left before something breaks: the smallest of the memory limits that apply.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace stakeout {

struct MemoryLimit {
    std::string name; // "cgroup memory.max (/system.slice/x.service)", "RLIMIT_AS", "RAM"
    std::uint64_t bytes_left = 0;
};

// Of a process: its cgroups (v2) up to the root, RLIMIT_AS, RLIMIT_DATA, MemAvailable. Of the kernel:
// MemAvailable. Absent where nothing could be read.
std::optional<MemoryLimit> nearest_memory_limit(std::optional<int> pid);

} // namespace stakeout
