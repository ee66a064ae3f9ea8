// The extra typed fields of a script's records: the layout of its `struct fields`, from the object's BTF.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>
#include <vector>

struct btf;

namespace stakeout {

// One value as it will be shown. Structs and arrays are flattened: "owner.pid", "seen[3]".
struct ScriptFieldLayout {
    enum class Kind { Unsigned, Signed, Bool, Address, Text, Enum };
    std::string name;
    Kind kind = Kind::Unsigned;
    std::uint32_t offset = 0;                                // bytes from the start of the fields
    std::uint32_t bytes = 0;                                 // 1, 2, 4 or 8; of a Text its room
    std::uint32_t bit_offset = 0, bit_size = 0;              // of a bit-field, else 0
    std::vector<std::pair<std::int64_t, std::string>> names; // of an Enum
};

// Empty: the script declares no fields. Error (Usage): more than SO_FIELDS_BYTES, or a type that cannot be
// shown.
Result<std::vector<ScriptFieldLayout>> script_fields(const btf* types);

} // namespace stakeout
