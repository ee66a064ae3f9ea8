#include "scripts/leak/code_map.h"

#include <algorithm>
#include <array>

namespace stakeout {

bool allocates_for_others(std::string_view path) {
    constexpr std::array<std::string_view, 9> beginnings{"libc.so",     "libc-2.",     "libstdc++.so",
                                                         "libc++.so",   "libjemalloc", "libtcmal",
                                                         "libmimalloc", "libglib-2.0", "ld-linux"};
    const std::string_view name = path.substr(path.rfind('/') + 1); // npos + 1 is 0
    return std::any_of(beginnings.begin(), beginnings.end(),
                       [name](std::string_view beginning) { return name.starts_with(beginning); });
}

CodeMap code_map(const ProcessMaps& maps) {
    CodeMap found;
    for (const Mapping& mapping : maps.all()) {
        if (!mapping.executable || mapping.path.starts_with("[v")) continue; // [vdso], [vsyscall]
        const bool wrapper = allocates_for_others(mapping.path);
        auto& ranges = wrapper ? found.wrappers : found.other;
        const std::size_t most = wrapper ? LEAK_WRAPPERS : LEAK_CODE;
        if (ranges.size() < most) ranges.push_back({mapping.start, mapping.end});
    }
    return found;
}

} // namespace stakeout
