#include "loader/compiler/script_words.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace stakeout {
namespace {

bool starts_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool in_word(char c) { return starts_word(c) || (c >= '0' && c <= '9'); }

bool is_tag_keyword(std::string_view word) { return word == "struct" || word == "union" || word == "enum"; }

// "return X;" uses X; "long X;" declares it.
bool may_precede_use(std::string_view word) {
    constexpr std::array<std::string_view, 6> statements{"return", "case", "else", "goto", "sizeof", "do"};
    return std::ranges::find(statements, word) != statements.end();
}

// Words and single characters; comments and literals are skipped.
class Lexer {
  public:
    explicit Lexer(std::string_view text) : text_(text) {}

    // Empty at the end.
    std::string_view next() {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '/' && peek(1) == '/')
                skip_line();
            else if (c == '/' && peek(1) == '*')
                skip_past("*/");
            else if (c == '"' || c == '\'')
                skip_literal(c);
            else if (starts_word(c))
                return take_while(in_word);
            else if (c >= '0' && c <= '9')
                take_while(in_word);
            else if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
                ++at_;
            else
                return text_.substr(at_++, 1);
        }
        return {};
    }

    // After "#include": what stands between the quotes or angles.
    std::string_view include_name() {
        const std::size_t open = text_.find_first_not_of(" \t", at_);
        if (open == std::string_view::npos || (text_[open] != '"' && text_[open] != '<')) return {};
        const std::size_t close = text_.find_first_of("\">\n", open + 1);
        if (close == std::string_view::npos || text_[close] == '\n') return {};
        at_ = close + 1;
        return text_.substr(open + 1, close - open - 1);
    }

  private:
    [[nodiscard]] char peek(std::size_t ahead) const {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }
    std::string_view take_while(bool (*belongs)(char)) {
        const std::size_t start = at_;
        while (at_ < text_.size() && belongs(text_[at_])) ++at_;
        return text_.substr(start, at_ - start);
    }
    void skip_line() { at_ = std::min(text_.find('\n', at_), text_.size()); }
    void skip_past(std::string_view end) {
        const std::size_t found = text_.find(end, at_ + 2);
        at_ = found == std::string_view::npos ? text_.size() : found + end.size();
    }
    void skip_literal(char quote) {
        for (++at_; at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n'; ++at_)
            if (text_[at_] == '\\') ++at_;
        if (at_ < text_.size()) ++at_;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

} // namespace

void ScriptWords::scan(std::string_view text) {
    Lexer lexer(text);
    std::string_view before_last; // the two tokens before this one
    std::string_view last;
    std::string_view tag; // of "enum NAME" or "struct NAME" just read
    int enum_depth = 0;   // in the braces of an enum
    for (std::string_view token = lexer.next(); !token.empty(); token = lexer.next()) {
        const bool word = starts_word(token.front());
        if (word && token == "include" && last == "#") {
            includes.push_back(lexer.include_name());
        } else if (word) {
            words.insert(token);
            if (is_tag_keyword(last))
                tags.insert(tag = token);
            else if (enum_depth > 0 && (last == "{" || last == ","))
                defined_words.insert(token);
        } else if (token == "{") {
            if (!tag.empty() && last == tag) defined_tags.insert(tag);
            if (last == "enum" || before_last == "enum") enum_depth = 1;
        } else if (token == "}") {
            enum_depth = 0;
        } else if ((token == "=" || token == ";" || token == "[") && !last.empty() &&
                   starts_word(last.front()) && !before_last.empty() &&
                   (before_last == "*" || starts_word(before_last.front())) &&
                   !may_precede_use(before_last) && !is_tag_keyword(before_last)) {
            defined_words.insert(last);
        }
        before_last = last;
        last = token;
    }
}

} // namespace stakeout
