#include "loader/predicate/when_lexer.h"

#include "loader/predicate/when_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

namespace stakeout {
namespace {

// Not <cctype>: its answers depend on the locale.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Longest first, as C reads them.
constexpr std::array<std::string_view, 28> signs{"||", "&&", "==", "!=", "<=", ">=", "<<", ">>", "->", "|",
                                                 "^",  "&",  "<",  ">",  "+",  "-",  "*",  "/",  "%",  "!",
                                                 "~",  "?",  ":",  "(",  ")",  "[",  "]",  "."};

// What C has and an expression here has not.
struct Stranger {
    std::string_view spelling, cause, remedy;
};
constexpr std::array strangers{
    Stranger{"===", "'===' is no operator of C", "compare with =="},
    Stranger{"<<=", "an expression only looks, it cannot assign", "compare with =="},
    Stranger{">>=", "an expression only looks, it cannot assign", "compare with =="},
    Stranger{"++", "an expression only looks, it cannot count up", "write a space between two signs: + +1"},
    Stranger{"--", "an expression only looks, it cannot count down", "write a space between two signs: - -1"},
    Stranger{"+=", "an expression only looks, it cannot assign", "compare with =="},
    Stranger{"-=", "an expression only looks, it cannot assign", "compare with =="},
    Stranger{"*=", "an expression only looks, it cannot assign", "compare with =="},
    Stranger{"/=", "an expression only looks, it cannot assign", "'differs from' is !="},
    Stranger{"%=", "an expression only looks, it cannot assign", "compare with =="},
    Stranger{"&=", "an expression only looks, it cannot assign", "compare with =="},
    Stranger{"|=", "an expression only looks, it cannot assign", "compare with =="},
    Stranger{"^=", "an expression only looks, it cannot assign", "compare with =="},
    Stranger{"<>", "'<>' is no operator of C", "'differs from' is !="},
    Stranger{"=~", "regular expressions are not part of --when", "use --comm-match or --stack-match"},
    Stranger{"=", "'=' assigns, and an expression only looks", "compare with =="},
    Stranger{",", "there is nothing to list in an expression", "join conditions with && or ||"},
    Stranger{";", "one expression is wanted, not statements", "join conditions with && or ||"},
};

class Lexer {
  public:
    explicit Lexer(std::string_view expression) : text_(expression) {}

    Result<std::vector<WhenToken>> read() {
        while (true) {
            while (is_space(peek())) ++at_;
            WhenToken token;
            token.column = at_;
            if (at_ < text_.size()) {
                if (Status read = one(token); !read) return std::move(read).error();
            }
            token.spelling = text_.substr(token.column, at_ - token.column);
            tokens_.push_back(std::move(token));
            if (tokens_.back().kind == WhenToken::Kind::End) return std::move(tokens_);
        }
    }

  private:
    [[nodiscard]] char peek(std::size_t ahead = 0) const {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }
    [[nodiscard]] Error error(std::size_t column, std::size_t length, std::string cause,
                              std::string remedy) const {
        return when_error(text_, column, length, std::move(cause), std::move(remedy));
    }

    Status one(WhenToken& token) {
        const char c = peek();
        if (is_letter(c)) {
            while (is_letter(peek()) || is_digit(peek())) ++at_;
            token.kind = WhenToken::Kind::Name;
            return done();
        }
        if (is_digit(c)) return number(token);
        if (c == '"' || c == '\'') return quoted(token, c);
        return sign(token);
    }

    Status sign(WhenToken& token) {
        const std::string_view rest = text_.substr(at_);
        const auto* const known =
            std::find_if(signs.begin(), signs.end(), [&](std::string_view s) { return rest.starts_with(s); });
        const auto* const strange = std::find_if(strangers.begin(), strangers.end(), [&](const Stranger& s) {
            return rest.starts_with(s.spelling);
        });
        // "==" is a sign although "=" is a stranger; "===" is a stranger although "==" is a sign.
        if (strange != strangers.end() && (known == signs.end() || known->size() < strange->spelling.size()))
            return error(at_, strange->spelling.size(), std::string(strange->cause),
                         std::string(strange->remedy));
        if (known == signs.end()) {
            std::size_t bytes = 1;
            while ((static_cast<unsigned char>(peek(bytes)) & 0xC0U) == 0x80U) ++bytes;
            const bool shown = static_cast<unsigned char>(peek()) >= 0x20 && peek() != 0x7F;
            return error(at_, bytes,
                         shown ? fmt::format("'{}' has no meaning here", text_.substr(at_, bytes))
                               : "a control character has no meaning here",
                         "write C's operators, names and numbers");
        }
        at_ += known->size();
        token.kind = WhenToken::Kind::Sign;
        return done();
    }

    Status number(WhenToken& token) {
        const std::size_t from = at_;
        while (is_letter(peek()) || is_digit(peek())) ++at_;
        std::string_view digits = text_.substr(from, at_ - from);
        const std::size_t length = digits.size();
        if (peek() == '.' && (is_digit(peek(1)) || !is_letter(peek(1))))
            return error(from, length + 1, "numbers are whole here", "write a whole number");
        int base = 10;
        if (digits[0] == '0' && length > 1) {
            const char mark = lower(digits[1]);
            base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
            if (base != 8) digits.remove_prefix(2);
        }
        std::uint64_t value = 0;
        const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
        if (failed == std::errc::result_out_of_range)
            return error(from, length, "the number has more than 64 bits", "write a smaller one");
        const std::string_view suffix = digits.substr(static_cast<std::size_t>(end - digits.data()));
        if (failed != std::errc{} || (!suffix.empty() && is_digit(suffix[0])))
            return error(from, length, fmt::format("this is no {} number", name_of(base)),
                         base == 8 ? "numbers that begin with 0 are octal: leave the 0 out, or write 0x"
                                   : "write its digits");
        const auto type = type_of(value, base == 10, suffix);
        if (!type)
            return error(from, length, fmt::format("'{}' is no suffix of a whole number", suffix),
                         "C's suffixes are u, l, ll and both: 1ul");
        if (*type == WhenType::I64 &&
            value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            return error(from, length, "the number does not fit a signed one of 64 bits",
                         "write it with the suffix u");
        token.kind = WhenToken::Kind::Number;
        token.number = value;
        token.type = *type;
        return done();
    }

    static std::string_view name_of(int base) {
        switch (base) {
        case 2:
            return "binary";
        case 8:
            return "octal";
        case 16:
            return "hexadecimal";
        default:
            return "decimal";
        }
    }

    // The first of C's list for the literal that holds the number; decimal ones without u stay signed.
    static std::optional<WhenType> type_of(std::uint64_t value, bool is_decimal, std::string_view suffix) {
        bool has_u = false, has_l = false;
        std::string small(suffix);
        std::transform(small.begin(), small.end(), small.begin(), lower);
        // C has no lL.
        if (suffix.find("lL") != std::string_view::npos || suffix.find("Ll") != std::string_view::npos)
            return std::nullopt;
        if (small.starts_with('u') || small.ends_with('u')) {
            has_u = true;
            small.erase(small.starts_with('u') ? 0 : small.size() - 1, 1);
        }
        if (small == "l" || small == "ll")
            has_l = true;
        else if (!small.empty())
            return std::nullopt;
        const bool unsigned_too = has_u || !is_decimal;
        if (!has_l && !has_u && value <= 0x7FFFFFFF) return WhenType::I32;
        if (!has_l && unsigned_too && value <= 0xFFFFFFFF) return WhenType::U32;
        if (!has_u && (is_decimal || value <= 0x7FFFFFFFFFFFFFFF)) return WhenType::I64;
        return WhenType::U64;
    }

    // A string, or a character's literal, which is a number.
    Status quoted(WhenToken& token, char quote) {
        const std::size_t from = at_++;
        while (peek() != quote) {
            if (at_ >= text_.size())
                return error(from, 1, fmt::format("the closing {} is missing", quote), "write it");
            if (peek() == '\\') {
                if (Status read = escape(token.text); !read) return read;
            } else {
                token.text += text_[at_++];
            }
        }
        ++at_;
        token.kind = WhenToken::Kind::Text;
        if (quote == '"') return done();
        if (token.text.size() != 1)
            return error(from, at_ - from, "between ' and ' stands one character",
                         "strings are written with \": comm == \"bash\"");
        token.kind = WhenToken::Kind::Number;
        token.type = WhenType::I32; // C's char is signed on x86
        token.number = narrowed(static_cast<unsigned char>(token.text[0]), {1, true});
        return done();
    }

    Status escape(std::string& into) {
        constexpr std::string_view letters = "abfnrtv\\'\"?e";
        constexpr std::string_view meanings = "\a\b\f\n\r\t\v\\'\"?\x1b";
        const std::size_t from = at_++;
        const char c = peek();
        if (const auto which = letters.find(c); c != '\0' && which != std::string_view::npos) {
            ++at_;
            into += meanings[which];
            return done();
        }
        const bool hex = c == 'x';
        if (hex) ++at_;
        const std::size_t most = hex ? 2 : 3;
        std::size_t digits = 0;
        const auto is_one = [&](char d) {
            return hex ? is_digit(d) || (lower(d) >= 'a' && lower(d) <= 'f') : d >= '0' && d <= '7';
        };
        while (digits < most && is_one(peek(digits))) ++digits;
        unsigned value = 0;
        (void)std::from_chars(text_.data() + at_, text_.data() + at_ + digits, value, hex ? 16 : 8);
        if (digits == 0 || value > 0xFF)
            return error(from, at_ - from + std::max<std::size_t>(digits, 1), "this escape has no meaning",
                         "C's are \\n \\t \\\\ \\' \\\" \\0 \\x41 and their like");
        at_ += digits;
        into += static_cast<char>(value);
        return done();
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::vector<WhenToken> tokens_;
};

} // namespace

Result<std::vector<WhenToken>> read_tokens(std::string_view expression) { return Lexer(expression).read(); }

} // namespace stakeout
