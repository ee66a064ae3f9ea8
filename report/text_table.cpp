#include "report/text_table.h"

#include <algorithm>

namespace stakeout {
namespace {

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }

} // namespace

std::size_t columns_of(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

std::string clipped_columns(std::string_view text, std::size_t columns) {
    if (columns_of(text) <= columns) return std::string(text);
    std::size_t seen = 0, end = 0;
    for (; end < text.size(); ++end)
        if (begins_character(text[end]) && ++seen == columns) break;
    return std::string(text.substr(0, end)) + "~";
}

std::string wrapped(std::string_view text, std::size_t columns, std::string_view indent) {
    std::string all, line(indent);
    bool is_empty = true; // the line, but for its indent
    const std::string further = std::string(indent) + "  ";
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!is_empty && columns_of(line) + 1 + columns_of(word) > columns) {
            all += line + "\n";
            line = further;
            is_empty = true;
        }
        if (!is_empty) line += ' ';
        line += clipped_columns(word, columns - further.size());
        is_empty = false;
    }
    return all + line;
}

TextTable::TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {
    std::vector<std::string> heads;
    heads.reserve(columns_.size());
    for (const Column& column : columns_) heads.emplace_back(column.head);
    add(heads);
}

void TextTable::add(const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < std::min(cells.size(), columns_.size()); ++i) {
        const Column& column = columns_[i];
        const std::string cell = clipped_columns(cells[i], column.width);
        const std::string padding(column.width - columns_of(cell), ' ');
        line += column.to_the_right ? padding + cell : cell + padding;
        if (i + 1 < columns_.size()) line += column.to_the_right ? "  " : " ";
    }
    line.resize(line.find_last_not_of(' ') + 1);
    text_ += line + "\n";
}

} // namespace stakeout
