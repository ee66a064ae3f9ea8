#include "loader/predicate/when_syntax.h"

#include "base/near_names.h"
#include "loader/predicate/when_error.h"
#include "loader/predicate/when_lexer.h"
#include "loader/predicate/when_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace stakeout {
namespace {

using Kind = WhenSyntaxNode::Kind;
using Parsed = Result<std::uint32_t>; // index of a node

// Counts the levels of the parser's own recursion while it lives: parentheses, signs, casts, conditions.
class Level {
  public:
    explicit Level(std::uint32_t& levels) : levels_(levels) { ++levels_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    ~Level() { --levels_; }

  private:
    std::uint32_t& levels_;
};

class Parser {
  public:
    Parser(std::string_view text, std::vector<WhenToken> tokens) : text_(text), tokens_(std::move(tokens)) {}

    Result<WhenSyntax> parse() {
        if (now().kind == WhenToken::Kind::End)
            return error(now(), "the expression is empty", "write a condition: new == 0");
        auto root = conditional();
        if (!root) return std::move(root).error();
        if (now().kind != WhenToken::Kind::End) return unexpected("an operator or the end");
        if (auto wrong = not_a_number(*root)) return std::move(*wrong);
        return WhenSyntax{std::string(text_), std::move(nodes_)};
    }

  private:
    [[nodiscard]] const WhenToken& now() const { return tokens_[at_]; }
    [[nodiscard]] const WhenToken& next() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
    [[nodiscard]] bool is_sign(std::string_view sign) const {
        return now().kind == WhenToken::Kind::Sign && now().spelling == sign;
    }
    bool take(std::string_view sign) {
        if (!is_sign(sign)) return false;
        ++at_;
        return true;
    }

    [[nodiscard]] Error error(const WhenToken& token, std::string cause, std::string remedy) const {
        return when_error(text_, token.column, token.spelling.size(), std::move(cause), std::move(remedy));
    }
    [[nodiscard]] Error error(const WhenSyntaxNode& node, std::string cause, std::string remedy) const {
        return when_error(text_, node.column, node.length, std::move(cause), std::move(remedy));
    }
    [[nodiscard]] Error unexpected(std::string_view wanted) const {
        const std::string found = now().kind == WhenToken::Kind::End
                                      ? std::string("the expression ends")
                                      : fmt::format("'{}' stands", now().spelling);
        return error(now(), fmt::format("{} where {} was expected", found, wanted), "complete it there");
    }
    [[nodiscard]] Error too_deep(const WhenToken& token) const {
        return error(token, fmt::format("more than {} levels are nested", WhenSyntax::most_levels),
                     "simplify the expression, or write a script (--script)");
    }

    Parsed add(WhenSyntaxNode node, const WhenToken& token) {
        if (node.depth > WhenSyntax::most_levels) return too_deep(token);
        nodes_.push_back(std::move(node));
        return static_cast<std::uint32_t>(nodes_.size() - 1);
    }
    [[nodiscard]] static WhenSyntaxNode node_at(const WhenToken& token, Kind kind) {
        WhenSyntaxNode node;
        node.kind = kind;
        node.column = static_cast<std::uint32_t>(token.column);
        node.length = static_cast<std::uint32_t>(token.spelling.size());
        return node;
    }

    [[nodiscard]] static bool is_string_name(const WhenSyntaxNode& node) {
        return node.kind == Kind::Name && (node.name == WhenName::Comm || node.name == WhenName::Access);
    }
    // Strings, and what is compared with them, are no operands of anything else.
    [[nodiscard]] std::optional<Error> not_a_number(std::uint32_t index) const {
        const WhenSyntaxNode& node = nodes_[index];
        if (node.kind == Kind::Text)
            return error(node, "a string can only be compared with comm or access",
                         "write comm == \"bash\" or access == \"write\"");
        if (!is_string_name(node)) return std::nullopt;
        const bool is_comm = node.name == WhenName::Comm;
        return error(
            node,
            fmt::format("{} is text: it can only be compared with a string", is_comm ? "comm" : "access"),
            is_comm ? "write comm == \"bash\" or comm != \"bash\""
                    : "write access == \"read\", \"write\" or \"execute\"");
    }

    // `name` == `text`, either way round.
    [[nodiscard]] std::optional<Error> check_texts(const WhenSyntaxNode& left,
                                                   const WhenSyntaxNode& right) const {
        const bool turned = left.kind == Kind::Text;
        const WhenSyntaxNode& name = turned ? right : left;
        const WhenSyntaxNode& text = turned ? left : right;
        if (name.name == WhenName::Comm) {
            // The kernel cuts the names of tasks.
            constexpr std::size_t most = 15;
            if (text.text.size() > most)
                return error(text, "comm has at most 15 characters: this is never equal",
                             fmt::format("compare with \"{}\"", text.text.substr(0, most)));
            if (text.text.find('\0') != std::string::npos)
                return error(text, "comm has no zero bytes: this is never equal", "leave the escape out");
            return std::nullopt;
        }
        if (text.text == "read" || text.text == "write" || text.text == "execute") return std::nullopt;
        return error(text, "this is no kind of access", "write \"read\", \"write\" or \"execute\"");
    }

    Parsed conditional() {
        auto condition = binary(1);
        if (!condition || !is_sign("?")) return condition;
        const WhenToken sign = now();
        ++at_;
        const Level level(levels_);
        if (levels_ > WhenSyntax::most_levels) return too_deep(sign);
        auto first = conditional();
        if (!first) return first;
        if (!take(":")) return unexpected("the ':' of a '?'");
        auto second = conditional();
        if (!second) return second;
        WhenSyntaxNode node = node_at(sign, Kind::Conditional);
        for (const std::uint32_t index : {*condition, *first, *second}) {
            if (auto wrong = not_a_number(index)) return std::move(*wrong);
            node.depth = std::max(node.depth, nodes_[index].depth + 1);
        }
        node.operands = {*condition, *first, *second};
        return add(std::move(node), sign);
    }

    // Operators that bind at least as tight as `loosest`. Recurses once a level of precedence, loops along a
    // chain.
    Parsed binary(int loosest) {
        auto left = unary();
        if (!left) return left;
        while (true) {
            const WhenToken sign = now();
            const BinarySign* const found = find_sign(binary_signs, sign);
            if (found == nullptr || found->precedence < loosest) return left;
            ++at_;
            auto right = binary(found->precedence + 1);
            if (!right) return right;
            left = join(sign, *found, *left, *right);
            if (!left) return left;
        }
    }

    Parsed join(const WhenToken& sign, const BinarySign& found, std::uint32_t left, std::uint32_t right) {
        const WhenSyntaxNode& a = nodes_[left];
        const WhenSyntaxNode& b = nodes_[right];
        const bool equality = found.op == WhenOperator::Equal || found.op == WhenOperator::NotEqual;
        const bool texts = equality && ((is_string_name(a) && b.kind == Kind::Text) ||
                                        (a.kind == Kind::Text && is_string_name(b)));
        if (texts) {
            if (auto wrong = check_texts(a, b)) return std::move(*wrong);
        } else {
            if (auto wrong = not_a_number(left)) return std::move(*wrong);
            if (auto wrong = not_a_number(right)) return std::move(*wrong);
        }
        WhenSyntaxNode node = node_at(sign, Kind::Binary);
        node.op = found.op;
        node.operands = {left, right, 0};
        const bool chain = a.kind == Kind::Binary && precedence_of(a.op) == found.precedence;
        node.depth = std::max(a.depth + (chain ? 0 : 1), b.depth + 1);
        return add(std::move(node), sign);
    }

    Parsed unary() {
        const Level level(levels_);
        if (levels_ > WhenSyntax::most_levels) return too_deep(now());
        const WhenToken token = now();
        const bool is_cast =
            is_sign("(") && next().kind == WhenToken::Kind::Name && is_type_word(next().spelling);
        const UnarySign* const sign = find_sign(unary_signs, token);
        if (!is_cast && sign == nullptr) return primary();
        WhenSyntaxNode node = node_at(token, is_cast ? Kind::Cast : Kind::Unary);
        ++at_;
        if (is_cast) {
            auto type = type_name();
            if (!type) return std::move(type).error();
            node.cast = *type;
        } else {
            node.op = sign->op;
        }
        auto operand = unary();
        if (!operand) return operand;
        if (auto wrong = not_a_number(*operand)) return std::move(*wrong);
        node.operands = {*operand, 0, 0};
        node.depth = nodes_[*operand].depth + 1;
        return add(std::move(node), token);
    }

    // Behind the '(' of a cast, up to its ')'.
    Result<StoredType> type_name() {
        const WhenToken first = now();
        std::vector<std::string_view> words;
        while (now().kind == WhenToken::Kind::Name) {
            words.push_back(now().spelling);
            ++at_;
        }
        const std::size_t length = tokens_[at_ - 1].column + tokens_[at_ - 1].spelling.size() - first.column;
        if (is_sign("*"))
            return error(now(), "a cast gives a number, not a pointer",
                         "a target that is a pointer is followed with new->field");
        const auto type = type_of_words(words);
        if (!type)
            return when_error(text_, first.column, length, "this is no integer type",
                              "write one of C or the kernel: (unsigned char), (long), (u32), (int64_t)");
        if (!take(")")) return unexpected("the ')' of a cast");
        return *type;
    }

    Parsed primary() {
        const WhenToken token = now();
        switch (token.kind) {
        case WhenToken::Kind::Number: {
            ++at_;
            WhenSyntaxNode node = node_at(token, Kind::Number);
            node.number = token.number;
            node.type = token.type;
            return add(std::move(node), token);
        }
        case WhenToken::Kind::Text: {
            ++at_;
            WhenSyntaxNode node = node_at(token, Kind::Text);
            node.text = token.text;
            return add(std::move(node), token);
        }
        case WhenToken::Kind::Name:
            ++at_;
            return name(token);
        default:
            break;
        }
        if (!take("(")) return unexpected("a name or a number");
        auto inside = conditional();
        if (!inside) return inside;
        if (!take(")")) return unexpected("the ')' of a '('");
        return inside;
    }

    Parsed name(const WhenToken& token) {
        if (token.spelling == "true" || token.spelling == "false" || token.spelling == "NULL") {
            WhenSyntaxNode node = node_at(token, Kind::Number);
            node.number = token.spelling == "true" ? 1 : 0;
            return add(std::move(node), token);
        }
        const auto* const found =
            std::find_if(when_names.begin(), when_names.end(),
                         [&](const NamedValue& value) { return value.spelling == token.spelling; });
        if (found == when_names.end()) return unknown_name(token);
        WhenSyntaxNode node = node_at(token, Kind::Name);
        node.name = found->name;
        const bool begins_path = is_sign(".") || is_sign("->") || is_sign("[");
        if (begins_path && found->name != WhenName::Old && found->name != WhenName::New)
            return error(now(), fmt::format("{} has no fields", token.spelling),
                         "the target's fields are written new.field or old.field");
        if (auto wrong = path(node)) return std::move(*wrong);
        node.length = static_cast<std::uint32_t>(tokens_[at_ - 1].column + tokens_[at_ - 1].spelling.size() -
                                                 token.column);
        return add(std::move(node), token);
    }

    // .a->b[2], without the spaces that may stand in it.
    std::optional<Error> path(WhenSyntaxNode& node) {
        while (true) {
            if (is_sign(".") || is_sign("->")) {
                node.text += now().spelling;
                ++at_;
                if (now().kind != WhenToken::Kind::Name) return unexpected("a field's name");
                node.text += now().spelling;
                ++at_;
            } else if (take("[")) {
                if (now().kind != WhenToken::Kind::Number || now().spelling[0] == '\'')
                    return error(now(), "an index is a number that is written out", "write new.field[2]");
                node.text += fmt::format("[{}]", now().number);
                ++at_;
                if (!take("]")) return unexpected("the ']' of an index");
            } else {
                return std::nullopt;
            }
        }
    }

    [[nodiscard]] Error unknown_name(const WhenToken& token) const {
        if (is_type_word(token.spelling))
            return error(token, fmt::format("'{}' is a type", token.spelling),
                         fmt::format("a cast has parentheses: ({})new", token.spelling));
        if (is_sign("(")) return error(token, "functions cannot be called here", "write a script (--script)");
        NearNames near(token.spelling, 2);
        for (const NamedValue& value : when_names) near.consider(value.spelling);
        const std::vector<std::string> meant = std::move(near).take();
        std::string remedy =
            meant.empty() ? std::string("there are old new delta pid tid cpu comm ip access width hits")
                          : fmt::format("did you mean '{}'?", fmt::join(meant, "' or '"));
        remedy += fmt::format(" (a field of the target is written new.{})", token.spelling);
        return error(token, fmt::format("there is no name '{}'", token.spelling), std::move(remedy));
    }

    std::string_view text_;
    std::vector<WhenToken> tokens_;
    std::size_t at_ = 0;
    std::uint32_t levels_ = 0;
    std::vector<WhenSyntaxNode> nodes_;
};

} // namespace

Result<WhenSyntax> parse_when(std::string_view text) {
    if (text.size() > WhenSyntax::most_characters)
        return usage_error("understand --when",
                           fmt::format("the expression has {} characters, and {} are the most", text.size(),
                                       WhenSyntax::most_characters),
                           "write a script (--script)");
    auto tokens = read_tokens(text);
    if (!tokens) return std::move(tokens).error();
    return Parser(text, std::move(*tokens)).parse();
}

} // namespace stakeout
