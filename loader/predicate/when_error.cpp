#include "loader/predicate/when_error.h"

#include <algorithm>
#include <utility>

namespace stakeout {
namespace {

constexpr std::size_t shown_before = 60; // bytes, which with what follows fit one line of a terminal
constexpr std::size_t shown_most = 100;
constexpr std::string_view left_out = "...";

// Bytes after the first of a UTF-8 character take no column.
bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

std::size_t columns(std::string_view text) {
    return text.size() -
           static_cast<std::size_t>(std::count_if(text.begin(), text.end(), continues_character));
}

} // namespace

std::string marked_place(std::string_view expression, std::size_t column, std::size_t length) {
    column = std::min(column, expression.size());
    length = std::min(length, expression.size() - column);
    std::size_t from = expression.size() <= shown_most || column <= shown_before ? 0 : column - shown_before;
    while (from > 0 && continues_character(expression[from])) --from;
    std::size_t end = std::min(from + shown_most, expression.size());
    while (end < expression.size() && continues_character(expression[end])) ++end;
    length = std::min(length, end - column);

    std::string text = "\n  ";
    if (from > 0) text += left_out;
    text += expression.substr(from, end - from);
    // What would move the mark, or the terminal, is shown as a space.
    std::replace_if(text.begin() + 3, text.end(), is_control, ' ');
    if (end < expression.size()) text += left_out;
    text += "\n  ";
    if (from > 0) text.append(left_out.size(), ' ');
    text.append(columns(expression.substr(from, column - from)), ' ');
    text += '^';
    const std::size_t marked = columns(expression.substr(column, length));
    if (marked > 1) text.append(marked - 1, '~');
    return text;
}

Error when_error(std::string_view expression, std::size_t column, std::size_t length, std::string cause,
                 std::string remedy) {
    return usage_error("understand --when", std::move(cause),
                       std::move(remedy) + marked_place(expression, column, length));
}

} // namespace stakeout
