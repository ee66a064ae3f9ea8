// Tables and paragraphs of so many columns. A character is taken for one column wide; what does not fit is
// cut off, and that is shown.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

std::size_t columns_of(std::string_view text);
std::string clipped_columns(std::string_view text, std::size_t columns); // "abcdefg~"
// Lines broken at blanks; each after the first begins with `indent` and two blanks more, the first with it.
std::string wrapped(std::string_view text, std::size_t columns, std::string_view indent);

class TextTable {
  public:
    struct Column {
        std::string_view head;
        std::size_t width = 0;
        bool to_the_right = false;
    };
    explicit TextTable(std::vector<Column> columns);
    void add(const std::vector<std::string>& cells);
    void add_line(std::string_view line) { text_ += line; } // with its end, or nothing
    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    std::vector<Column> columns_;
    std::string text_;
};

} // namespace stakeout
