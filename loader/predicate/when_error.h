// A --when expression's errors, which show the place:
//
//   cannot understand --when: there is no name 'nwe'; did you mean 'new'?
//     nwe == 0
//     ^~~
#pragma once

#include "base/result.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace stakeout {

// `column` and `length` in bytes of the expression; the end of it may be meant.
[[nodiscard]] Error when_error(std::string_view expression, std::size_t column, std::size_t length,
                               std::string cause, std::string remedy);

// The lines with expression and mark, for a remedy's end: each begins with a line feed. Of long expressions
// the part around the place.
[[nodiscard]] std::string marked_place(std::string_view expression, std::size_t column, std::size_t length);

} // namespace stakeout
