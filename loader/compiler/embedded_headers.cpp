#include "loader/compiler/embedded_headers.h"

#include <algorithm>

extern "C" {
extern const stakeout::EmbeddedHeader stakeout_script_headers[];
extern const stakeout::EmbeddedHeader stakeout_script_headers_end[];
}

namespace stakeout {

std::span<const EmbeddedHeader> embedded_headers() {
    return {stakeout_script_headers, stakeout_script_headers_end};
}

std::optional<std::string_view> embedded_header(std::string_view name) {
    const auto all = embedded_headers();
    const auto found = std::ranges::find(all, name, &EmbeddedHeader::name);
    if (found == all.end()) return std::nullopt;
    return std::string_view(found->text, found->end);
}

} // namespace stakeout
