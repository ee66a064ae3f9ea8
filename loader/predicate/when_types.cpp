#include "loader/predicate/when_types.h"

#include <algorithm>
#include <array>
#include <utility>

namespace stakeout {
namespace {

constexpr std::uint32_t width_of(WhenType type) { return is_wide(type) ? 64 : 32; }

// The number of a value, as the widest type of its sign.
std::int64_t as_signed(WhenType type, std::uint64_t value) {
    return is_wide(type) ? static_cast<std::int64_t>(value)
                         : static_cast<std::int64_t>(static_cast<std::int32_t>(value));
}

std::uint64_t as_held(WhenType type, std::uint64_t bits) {
    return is_wide(type) ? bits : static_cast<std::uint32_t>(bits);
}

// Division of magnitudes, as the emitted code does it: BPF of Linux 6.1 divides unsigned numbers only.
std::uint64_t divided(WhenOperator op, WhenType type, std::uint64_t left, std::uint64_t right) {
    const bool left_below = is_signed(type) && as_signed(type, left) < 0;
    const bool right_below = is_signed(type) && as_signed(type, right) < 0;
    const std::uint64_t dividend = as_held(type, left_below ? 0 - left : left);
    const std::uint64_t divisor = as_held(type, right_below ? 0 - right : right);
    if (op == WhenOperator::Remainder) {
        const std::uint64_t rest = divisor == 0 ? dividend : dividend % divisor;
        return as_held(type, left_below ? 0 - rest : rest);
    }
    const std::uint64_t quotient = divisor == 0 ? 0 : dividend / divisor;
    return as_held(type, left_below != right_below ? 0 - quotient : quotient);
}

bool compare(WhenOperator op, WhenType type, std::uint64_t left, std::uint64_t right) {
    const bool below = is_signed(type) ? as_signed(type, left) < as_signed(type, right) : left < right;
    switch (op) {
    case WhenOperator::Equal:
        return left == right;
    case WhenOperator::NotEqual:
        return left != right;
    case WhenOperator::Less:
        return below;
    case WhenOperator::LessEqual:
        return below || left == right;
    case WhenOperator::Greater:
        return !below && left != right;
    default:
        return !below;
    }
}

std::uint64_t shifted(WhenOperator op, WhenType type, std::uint64_t left, std::uint64_t count) {
    count &= width_of(type) - 1;
    if (op == WhenOperator::ShiftLeft) return as_held(type, left << count);
    if (is_signed(type)) return as_held(type, static_cast<std::uint64_t>(as_signed(type, left) >> count));
    return left >> count;
}

} // namespace

WhenType promoted(StoredType stored) {
    if (stored.bytes < 4) return WhenType::I32;
    if (stored.bytes == 4) return stored.is_signed ? WhenType::I32 : WhenType::U32;
    return stored.is_signed ? WhenType::I64 : WhenType::U64;
}

WhenType common_type(WhenType left, WhenType right) {
    // Ordered so that the larger one wins: a wider signed type holds every narrower unsigned number.
    return std::max(left, right);
}

std::uint64_t convert(std::uint64_t value, WhenType from, WhenType to) {
    return as_held(to, static_cast<std::uint64_t>(is_signed(from) ? as_signed(from, value)
                                                                  : static_cast<std::int64_t>(value)));
}

std::uint64_t narrowed(std::uint64_t bits, StoredType to) {
    return bit_field(bits, 0, to.bytes * 8U, to.is_signed);
}

std::uint64_t cast_to(std::uint64_t value, WhenType from, StoredType to) {
    if (to.is_bool) return value != 0 ? 1 : 0;
    return narrowed(convert(value, from, WhenType::I64), to);
}

std::uint64_t bit_field(std::uint64_t bits, std::uint32_t offset, std::uint32_t size, bool field_is_signed) {
    const std::uint64_t high = bits << (64 - offset - size);
    const std::uint64_t value =
        field_is_signed ? static_cast<std::uint64_t>(static_cast<std::int64_t>(high) >> (64 - size))
                        : high >> (64 - size);
    return as_held(promoted_bits(size, field_is_signed), value);
}

WhenType promoted_bits(std::uint32_t size, bool field_is_signed) {
    // An unsigned field narrower than int becomes an int, as its numbers fit.
    if (size < 32) return WhenType::I32;
    if (size == 32) return field_is_signed ? WhenType::I32 : WhenType::U32;
    return field_is_signed ? WhenType::I64 : WhenType::U64;
}

std::uint64_t apply(WhenOperator op, WhenType type, std::uint64_t left, std::uint64_t right) {
    switch (op) {
    case WhenOperator::BitOr:
        return left | right;
    case WhenOperator::BitXor:
        return left ^ right;
    case WhenOperator::BitAnd:
        return left & right;
    case WhenOperator::ShiftLeft:
    case WhenOperator::ShiftRight:
        return shifted(op, type, left, right);
    case WhenOperator::Add:
        return as_held(type, left + right);
    case WhenOperator::Subtract:
        return as_held(type, left - right);
    case WhenOperator::Multiply:
        return as_held(type, left * right);
    case WhenOperator::Divide:
    case WhenOperator::Remainder:
        return divided(op, type, left, right);
    default:
        return compare(op, type, left, right) ? 1 : 0;
    }
}

std::uint64_t apply(WhenOperator op, WhenType type, std::uint64_t operand) {
    switch (op) {
    case WhenOperator::Not:
        return operand == 0 ? 1 : 0;
    case WhenOperator::Complement:
        return as_held(type, ~operand);
    case WhenOperator::Minus:
        return as_held(type, 0 - operand);
    default:
        return operand;
    }
}

namespace {

struct FixedType {
    std::string_view name;
    StoredType type;
};

constexpr std::array fixed_types{
    FixedType{"u8", {1, false}},         FixedType{"u16", {2, false}},
    FixedType{"u32", {4, false}},        FixedType{"u64", {8, false}},
    FixedType{"s8", {1, true}},          FixedType{"s16", {2, true}},
    FixedType{"s32", {4, true}},         FixedType{"s64", {8, true}},
    FixedType{"__u8", {1, false}},       FixedType{"__u16", {2, false}},
    FixedType{"__u32", {4, false}},      FixedType{"__u64", {8, false}},
    FixedType{"__s8", {1, true}},        FixedType{"__s16", {2, true}},
    FixedType{"__s32", {4, true}},       FixedType{"__s64", {8, true}},
    FixedType{"uint8_t", {1, false}},    FixedType{"uint16_t", {2, false}},
    FixedType{"uint32_t", {4, false}},   FixedType{"uint64_t", {8, false}},
    FixedType{"int8_t", {1, true}},      FixedType{"int16_t", {2, true}},
    FixedType{"int32_t", {4, true}},     FixedType{"int64_t", {8, true}},
    FixedType{"size_t", {8, false}},     FixedType{"ssize_t", {8, true}},
    FixedType{"uintptr_t", {8, false}},  FixedType{"intptr_t", {8, true}},
    FixedType{"bool", {1, false, true}}, FixedType{"_Bool", {1, false, true}},
};

constexpr std::array<std::string_view, 6> c_words{"char", "short", "int", "long", "signed", "unsigned"};

// The words of a C integer type in any order: "long unsigned int".
std::optional<StoredType> c_type(const std::vector<std::string_view>& words) {
    std::array<int, c_words.size()> times{};
    for (const std::string_view word : words) {
        const auto* const place = std::find(c_words.begin(), c_words.end(), word);
        if (place == c_words.end()) return std::nullopt;
        ++times[static_cast<std::size_t>(place - c_words.begin())];
    }
    const auto [chars, shorts, ints, longs, signeds, unsigneds] = times;
    if (words.empty() || chars > 1 || shorts > 1 || ints > 1 || longs > 2 || signeds + unsigneds > 1)
        return std::nullopt;
    if ((chars != 0) + (shorts != 0) + (longs != 0) > 1 || (chars != 0 && ints != 0)) return std::nullopt;
    StoredType type;
    type.is_signed = unsigneds == 0; // x86's plain char is signed
    if (chars != 0) type.bytes = 1;
    if (shorts != 0) type.bytes = 2;
    if (longs != 0) type.bytes = 8;
    return type;
}

} // namespace

std::optional<StoredType> type_of_words(const std::vector<std::string_view>& words) {
    if (words.size() == 1)
        for (const FixedType& fixed : fixed_types)
            if (fixed.name == words.front()) return fixed.type;
    return c_type(words);
}

bool is_type_word(std::string_view word) {
    return std::find(c_words.begin(), c_words.end(), word) != c_words.end() ||
           std::any_of(fixed_types.begin(), fixed_types.end(),
                       [&](const FixedType& fixed) { return fixed.name == word; });
}

} // namespace stakeout
