#include "tools/output/frame_text.h"

#include "base/printable.h"

#include <fmt/format.h>

#include <iterator>

namespace stakeout {

void append_frame(std::string& to, const Frame& frame, bool user) {
    if (frame.symbol.empty())
        fmt::format_to(std::back_inserter(to), "{:#x}", frame.ip);
    else
        fmt::format_to(std::back_inserter(to), "{}+{:#x}", printable(frame.symbol), frame.offset);
    if (!frame.file.empty())
        fmt::format_to(std::back_inserter(to), "  {}:{}", printable(frame.file), frame.line);
    if (!frame.module.empty()) {
        const std::string_view name = user
                                          ? std::string_view(frame.module).substr(frame.module.rfind('/') + 1)
                                          : std::string_view(frame.module);
        fmt::format_to(std::back_inserter(to), "  [{}]", printable(name));
    }
}

} // namespace stakeout
