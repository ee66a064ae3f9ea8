// Which code of a process allocates for others (libc, libstdc++, an allocator), and which is everybody
// else's.
#pragma once

#include "scripts/leak/leak_layout.h"
#include "watchpoints/target/process_maps.h"

#include <string_view>
#include <vector>

namespace stakeout {

struct CodeMap {
    std::vector<leak_range> wrappers; // at most LEAK_WRAPPERS
    std::vector<leak_range> other;    // at most LEAK_CODE; the executable first
};

CodeMap code_map(const ProcessMaps& maps);

// By its file's name: "/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30". Such libraries keep no frame pointers,
// and none of their functions is to blame for what they allocate for their callers.
bool allocates_for_others(std::string_view path);

} // namespace stakeout
