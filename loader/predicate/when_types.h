// The numbers of a --when expression: C's integer types on x86-64, its promotions, conversions and operators.
//
// A value is computed in one of four types; narrower ones are promoted to int first, as in C. It is held in
// 64 bits: a 32-bit value has its upper half zero, whatever its sign, which is how BPF registers hold it
// after a 32-bit instruction.
//
// What C leaves open is fixed here, the same in the kernel and on the reader's side: arithmetic wraps around,
// x / 0 is 0, x % 0 is x, the lowest number divided by -1 is itself, a shift's count is taken modulo the left
// operand's width, and a signed right shift keeps the sign.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace stakeout {

enum class WhenType : std::uint8_t { I32, U32, I64, U64 };

// In C's order of precedence, loosest first; then the operators of one operand.
enum class WhenOperator : std::uint8_t {
    LogicalOr,
    LogicalAnd,
    BitOr,
    BitXor,
    BitAnd,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    ShiftLeft,
    ShiftRight,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Not,        // !
    Complement, // ~
    Plus,
    Minus,
};

// A number as it lies in memory, or as a cast makes it.
struct StoredType {
    std::uint8_t bytes = 4; // 1, 2, 4, 8
    bool is_signed = true;
    bool is_bool = false; // everything but 0 becomes 1
    bool operator==(const StoredType&) const = default;
};

[[nodiscard]] constexpr bool is_wide(WhenType type) { return type == WhenType::I64 || type == WhenType::U64; }
[[nodiscard]] constexpr bool is_signed(WhenType type) {
    return type == WhenType::I32 || type == WhenType::I64;
}
// < <= > >= == !=, whose value is an int.
[[nodiscard]] constexpr bool is_comparison(WhenOperator op) {
    return op >= WhenOperator::Equal && op <= WhenOperator::GreaterEqual;
}
[[nodiscard]] constexpr bool is_shift(WhenOperator op) {
    return op == WhenOperator::ShiftLeft || op == WhenOperator::ShiftRight;
}

[[nodiscard]] WhenType promoted(StoredType stored);
[[nodiscard]] WhenType common_type(WhenType left, WhenType right); // the usual arithmetic conversions

// A value of one type as another.
[[nodiscard]] std::uint64_t convert(std::uint64_t value, WhenType from, WhenType to);
// The low bytes of `bits` as a number of that type, promoted.
[[nodiscard]] std::uint64_t narrowed(std::uint64_t bits, StoredType to);
// A cast: not as narrowed() for bool.
[[nodiscard]] std::uint64_t cast_to(std::uint64_t value, WhenType from, StoredType to);
// `size` bits of `bits` from `offset` on, as a number of the type that promoted_bits() tells.
[[nodiscard]] std::uint64_t bit_field(std::uint64_t bits, std::uint32_t offset, std::uint32_t size,
                                      bool field_is_signed);
[[nodiscard]] WhenType promoted_bits(std::uint32_t size, bool field_is_signed);

// Both operands are of `type`, but for the count of a shift, which may be of any; the result is of `type`,
// for comparisons 0 or 1. Not for && and ||.
[[nodiscard]] std::uint64_t apply(WhenOperator op, WhenType type, std::uint64_t left, std::uint64_t right);
[[nodiscard]] std::uint64_t apply(WhenOperator op, WhenType type, std::uint64_t operand);

// Whether a word belongs to the name of an integer type of C or the kernel: "unsigned", "u8", "uint8_t".
[[nodiscard]] bool is_type_word(std::string_view word);
// The type that words like {"long", "unsigned", "int"} name; nothing: they name none.
[[nodiscard]] std::optional<StoredType> type_of_words(const std::vector<std::string_view>& words);

} // namespace stakeout
