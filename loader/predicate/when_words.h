// The names and operators that the parser of --when knows.
#pragma once

#include "loader/predicate/when_lexer.h"
#include "loader/predicate/when_syntax.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace stakeout {

struct NamedValue {
    std::string_view spelling;
    WhenName name;
};
inline constexpr std::array when_names{
    NamedValue{"old", WhenName::Old},       NamedValue{"new", WhenName::New},
    NamedValue{"delta", WhenName::Delta},   NamedValue{"pid", WhenName::Pid},
    NamedValue{"tid", WhenName::Tid},       NamedValue{"cpu", WhenName::Cpu},
    NamedValue{"comm", WhenName::Comm},     NamedValue{"ip", WhenName::Ip},
    NamedValue{"access", WhenName::Access}, NamedValue{"width", WhenName::Width},
    NamedValue{"hits", WhenName::Hits},
};

struct BinarySign {
    std::string_view spelling;
    WhenOperator op;
    int precedence; // higher binds tighter
};
inline constexpr std::array binary_signs{
    BinarySign{"||", WhenOperator::LogicalOr, 1},    BinarySign{"&&", WhenOperator::LogicalAnd, 2},
    BinarySign{"|", WhenOperator::BitOr, 3},         BinarySign{"^", WhenOperator::BitXor, 4},
    BinarySign{"&", WhenOperator::BitAnd, 5},        BinarySign{"==", WhenOperator::Equal, 6},
    BinarySign{"!=", WhenOperator::NotEqual, 6},     BinarySign{"<", WhenOperator::Less, 7},
    BinarySign{"<=", WhenOperator::LessEqual, 7},    BinarySign{">", WhenOperator::Greater, 7},
    BinarySign{">=", WhenOperator::GreaterEqual, 7}, BinarySign{"<<", WhenOperator::ShiftLeft, 8},
    BinarySign{">>", WhenOperator::ShiftRight, 8},   BinarySign{"+", WhenOperator::Add, 9},
    BinarySign{"-", WhenOperator::Subtract, 9},      BinarySign{"*", WhenOperator::Multiply, 10},
    BinarySign{"/", WhenOperator::Divide, 10},       BinarySign{"%", WhenOperator::Remainder, 10},
};

struct UnarySign {
    std::string_view spelling;
    WhenOperator op;
};
inline constexpr std::array unary_signs{
    UnarySign{"!", WhenOperator::Not}, UnarySign{"~", WhenOperator::Complement},
    UnarySign{"+", WhenOperator::Plus}, UnarySign{"-", WhenOperator::Minus}};

// The row of that sign, or nothing.
template <class Table>
auto find_sign(const Table& table, const WhenToken& token) -> decltype(&table[0]) {
    if (token.kind != WhenToken::Kind::Sign) return nullptr;
    const auto* const found = std::find_if(table.begin(), table.end(),
                                           [&](const auto& sign) { return sign.spelling == token.spelling; });
    return found == table.end() ? nullptr : found;
}

inline int precedence_of(WhenOperator op) {
    const auto* const found = std::find_if(binary_signs.begin(), binary_signs.end(),
                                           [&](const BinarySign& sign) { return sign.op == op; });
    return found == binary_signs.end() ? 0 : found->precedence;
}

} // namespace stakeout
