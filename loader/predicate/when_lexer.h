// The words of a --when expression: names, literals, signs.
#pragma once

#include "base/result.h"
#include "loader/predicate/when_types.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

struct WhenToken {
    enum class Kind : std::uint8_t { Name, Number, Text, Sign, End };
    Kind kind = Kind::End;
    std::string_view spelling; // in the expression
    std::size_t column = 0;
    std::uint64_t number = 0; // Number, also of a character literal
    WhenType type = WhenType::I32;
    std::string text; // Text: its characters, escapes replaced
};

// The last token is the End. The spellings live as long as `expression` does. Errors: Usage, with the place
// marked.
Result<std::vector<WhenToken>> read_tokens(std::string_view expression);

} // namespace stakeout
