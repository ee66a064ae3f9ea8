// The targets of when_oracle that have fields, as BTF would describe them. test_when_oracle.py has the same
// types in C.
//
//   struct fields { u8 a; s8 b; u16 c; s16 d; u32 e:3; s32 f:5; u32 g:17; s32 h; u64 w:40; s64 x:24; };
//   struct node { struct node *next; u8 a; s8 b; u16 c; s16 d; u32 e; s32 f; u64 g; s64 h; bool i; u32 j:7;
//   };
#pragma once

#include "base/result.h"
#include "loader/predicate/when_expression.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace stakeout {

struct OracleTarget {
    enum class Kind { Number, Struct, Pointer } kind;
    PredicateTarget number;
};

inline constexpr std::uint32_t oracle_struct_bytes = 24;
inline constexpr std::uint32_t oracle_node_bytes = 48;
inline constexpr std::uint32_t oracle_next_offset = 0;

struct OracleField {
    std::string_view name;
    std::uint32_t offset, bytes;
    bool is_signed;
    std::uint32_t bit_offset, bit_size;
};

inline constexpr std::array oracle_struct{
    OracleField{"a", 0, 1, false, 0, 0},   OracleField{"b", 1, 1, true, 0, 0},
    OracleField{"c", 2, 2, false, 0, 0},   OracleField{"d", 4, 2, true, 0, 0},
    OracleField{"e", 4, 4, false, 16, 3},  OracleField{"f", 4, 4, true, 19, 5},
    OracleField{"g", 8, 4, false, 0, 17},  OracleField{"h", 12, 4, true, 0, 0},
    OracleField{"w", 16, 8, false, 0, 40}, OracleField{"x", 16, 8, true, 40, 24},
};
inline constexpr std::array oracle_node{
    OracleField{"next", 0, 8, false, 0, 0}, OracleField{"a", 8, 1, false, 0, 0},
    OracleField{"b", 9, 1, true, 0, 0},     OracleField{"c", 10, 2, false, 0, 0},
    OracleField{"d", 12, 2, true, 0, 0},    OracleField{"e", 16, 4, false, 0, 0},
    OracleField{"f", 20, 4, true, 0, 0},    OracleField{"g", 24, 8, false, 0, 0},
    OracleField{"h", 32, 8, true, 0, 0},    OracleField{"i", 40, 1, false, 0, 0},
    OracleField{"j", 40, 4, false, 8, 7},
};

template <class Fields>
Result<OracleField> oracle_named(const Fields& fields, std::string_view name) {
    for (const OracleField& field : fields)
        if (field.name == name) return field;
    return usage_error("find a field", "there is no field '" + std::string(name) + "'");
}

// ".a" of a struct; "->next->next->f" of a pointer.
inline Result<FieldPlace> oracle_field(OracleTarget::Kind kind, std::string_view path) {
    FieldPlace place;
    Result<OracleField> field = usage_error("find a field", "numbers have none");
    if (kind == OracleTarget::Kind::Struct) {
        field = oracle_named(oracle_struct, path.substr(1));
        if (field) place.offset = field->offset;
    } else if (kind == OracleTarget::Kind::Pointer) {
        while (path.starts_with("->")) {
            path.remove_prefix(2);
            const std::string_view name = path.substr(0, path.find("->"));
            path.remove_prefix(name.size());
            field = oracle_named(oracle_node, name);
            if (!field) break;
            place.hops.push_back(field->offset);
        }
    }
    if (!field) return std::move(field).error();
    place.bytes = field->bytes;
    place.is_signed = field->is_signed;
    place.bit_offset = field->bit_offset;
    place.bit_size = field->bit_size;
    return place;
}

} // namespace stakeout
