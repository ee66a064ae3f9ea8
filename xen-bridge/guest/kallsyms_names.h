// The compressed names of a kernel's symbols, found before their token table (kallsyms_tables.h has the
// layouts).
#pragma once

#include "xen-bridge/guest/kallsyms_tokens.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

struct KallsymsNames {
    std::size_t count_at = 0;       // offset of num_syms in the window
    std::vector<std::string> names; // expanded: the type, then the name

    // Guaranteed of what is returned: the number, the markers and the lengths of all names agree to the byte,
    // and every name is of letters, digits and punctuation. nullopt: nothing of that kind.
    static std::optional<KallsymsNames> before(const MemoryWindow& window, const KallsymsTokens& tokens);
};

} // namespace stakeout
