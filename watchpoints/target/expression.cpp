#include "watchpoints/target/expression.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>

namespace stakeout {
namespace {

bool starts_name(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool continues_name(char c) { return starts_name(c) || is_digit(c) || c == '$' || c == '@'; }

// The text and how far it has been read.
class Cursor {
  public:
    explicit Cursor(std::string_view text) : text_(text) {}
    [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
    [[nodiscard]] char peek(std::size_t ahead = 0) const {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }
    bool take(std::string_view expected) {
        if (text_.substr(at_, expected.size()) != expected) return false;
        at_ += expected.size();
        return true;
    }
    void skip_spaces() {
        while (peek() == ' ') ++at_;
    }
    [[nodiscard]] Error error(std::string_view wanted) const {
        std::string found = at_end() ? "the end" : fmt::format("'{}'", text_[at_]);
        return usage_error(
            fmt::format("understand the target '{}'", text_),
            fmt::format("{} stands at character {} where {} was expected", found, at_ + 1, wanted),
            "see TARGETS in `man stakeout-watch`");
    }
    // A symbol's or field's name; with `dotted`, dots that digits follow and C++ scopes are part of it.
    [[nodiscard]] std::string name(bool dotted) {
        const std::size_t from = at_;
        if (!starts_name(peek())) return {};
        while (!at_end()) {
            if (continues_name(peek()))
                ++at_;
            else if (dotted && peek() == '.' && is_digit(peek(1)))
                at_ += 2;
            else if (dotted && peek() == ':' && peek(1) == ':' && starts_name(peek(2)))
                at_ += 3;
            else
                break;
        }
        return std::string(text_.substr(from, at_ - from));
    }
    [[nodiscard]] bool number(std::uint64_t& value) {
        const bool hex = peek() == '0' && (peek(1) == 'x' || peek(1) == 'X');
        const std::size_t from = at_ + (hex ? 2 : 0);
        if (from >= text_.size()) return false;
        const auto [end, failed] =
            std::from_chars(text_.data() + from, text_.data() + text_.size(), value, hex ? 16 : 10);
        if (failed != std::errc{}) return false;
        at_ = static_cast<std::size_t>(end - text_.data());
        return true;
    }
    // Up to the last single colon: what names a module or file. Absent: nothing is taken.
    std::string module() {
        std::size_t colon = std::string_view::npos;
        for (std::size_t i = at_; i < text_.size(); ++i) {
            if (text_[i] != ':') continue;
            if (i + 1 < text_.size() && text_[i + 1] == ':') {
                ++i;
                continue;
            }
            colon = i;
        }
        if (colon == std::string_view::npos) return {};
        std::string module(text_.substr(at_, colon - at_));
        at_ = colon + 1;
        return module;
    }

  private:
    std::string_view text_;
    std::size_t at_ = 0;
};

Result<std::vector<PathStep>> parse_path(Cursor& cursor) {
    constexpr std::size_t most_steps = 64;
    std::vector<PathStep> path;
    while (!cursor.at_end()) {
        if (path.size() >= most_steps) return cursor.error("an end (a path has at most 64 steps)");
        PathStep step;
        if (cursor.take("[")) {
            step.kind = PathStep::Kind::Index;
            if (!cursor.number(step.index)) return cursor.error("an index");
            if (!cursor.take("]")) return cursor.error("']'");
        } else if (const bool arrow = cursor.take("->"); arrow || cursor.take(".")) {
            step.kind = arrow ? PathStep::Kind::Arrow : PathStep::Kind::Member;
            step.field = cursor.name(false);
            if (step.field.empty()) return cursor.error("a field name");
        } else {
            return cursor.error("'.', '->', '[' or the end");
        }
        path.push_back(std::move(step));
    }
    return path;
}

} // namespace

Result<SymbolExpression> parse_symbol(std::string_view text) {
    SymbolExpression expression;
    expression.text = text;
    Cursor cursor(text);
    expression.module = cursor.module();
    expression.name = cursor.name(true);
    if (expression.name.empty()) return cursor.error("a symbol's name");
    if (cursor.take("+") && !cursor.number(expression.offset)) return cursor.error("an offset");
    auto path = parse_path(cursor);
    if (!path) return std::move(path).error();
    expression.path = std::move(*path);
    return expression;
}

Result<ObjectExpression> parse_object(std::string_view text) {
    ObjectExpression expression;
    expression.text = text;
    Cursor cursor(text);
    expression.kind = cursor.name(false);
    if (expression.kind.empty()) return cursor.error("task(PID) or file(PID,FD)");
    if (!cursor.take("(")) return cursor.error("'('");
    do {
        cursor.skip_spaces();
        std::uint64_t argument = 0;
        if (!cursor.number(argument)) return cursor.error("a number");
        expression.arguments.push_back(argument);
        cursor.skip_spaces();
    } while (cursor.take(",") && expression.arguments.size() < 8);
    if (!cursor.take(")")) return cursor.error("')'");
    auto path = parse_path(cursor);
    if (!path) return std::move(path).error();
    expression.path = std::move(*path);
    return expression;
}

Result<std::uint64_t> parse_number(std::string_view text) {
    Cursor cursor(text);
    std::uint64_t value = 0;
    if (!cursor.number(value) || !cursor.at_end())
        return usage_error(fmt::format("read the number '{}'", text),
                           "it is not a decimal or 0x hexadecimal number of 64 bits");
    return value;
}

Result<AddressRange> parse_range(std::string_view text) {
    AddressRange range;
    Cursor cursor(text);
    if (!cursor.number(range.start)) return cursor.error("an address (0x...)");
    range.end = range.start;
    if (cursor.take("-")) {
        if (!cursor.number(range.end)) return cursor.error("the range's end");
        if (range.end <= range.start)
            return usage_error(fmt::format("understand the range '{}'", text),
                               "its end is not after its start",
                               "the end is the first address after the range");
    }
    if (!cursor.at_end()) return cursor.error("the end");
    return range;
}

std::string to_text(const std::vector<PathStep>& path) {
    std::string text;
    for (const PathStep& step : path) {
        switch (step.kind) {
        case PathStep::Kind::Member:
            text += "." + step.field;
            break;
        case PathStep::Kind::Arrow:
            text += "->" + step.field;
            break;
        case PathStep::Kind::Index:
            text += fmt::format("[{}]", step.index);
            break;
        }
    }
    return text;
}

} // namespace stakeout
