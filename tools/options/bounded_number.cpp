#include "tools/options/bounded_number.h"

#include "watchpoints/target/expression.h"

#include <fmt/format.h>

namespace stakeout {

Result<std::uint64_t> bounded_number(const std::string& option, const std::string& text, std::uint64_t least,
                                     std::uint64_t most) {
    auto number = parse_number(text);
    if (!number) return usage_error("use " + option, number.error().cause);
    if (*number < least || *number > most)
        return usage_error(fmt::format("use {} {}", option, text),
                           fmt::format("it must be between {} and {}", least, most));
    return number;
}

} // namespace stakeout
