// Where a process's allocators are: the functions that hand out memory and take it back, as places in the
// files that the process has mapped. A uprobe needs exactly that.
#pragma once

#include "base/result.h"
#include "watchpoints/target/process_maps.h"

#include <cstdint>
#include <string>
#include <vector>

namespace stakeout {

// By their arguments, not by their names: aligned_alloc is a Memalign.
// The first LEAK_ROLES are counted in leak_counters::calls.
enum class AllocatorRole { Malloc, Calloc, Realloc, Memalign, PosixMemalign, Free, Mmap, Munmap };

struct AllocatorSite {
    std::string path;              // as we can open it: /proc/PID/root/...
    std::uint64_t file_offset = 0; // of the place to probe: the entry, or soon behind it
    AllocatorRole role = AllocatorRole::Malloc;
    std::string function;
};

// libc's, a preloaded allocator's and a static program's own: each mapped file that defines malloc, aliases
// once. Error (CannotArm): no file of the process does.
Result<std::vector<AllocatorSite>> find_allocators(int pid, const ProcessMaps& maps);

} // namespace stakeout
