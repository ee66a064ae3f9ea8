// Where a store began: of a copy the start and the end, of an indexed store the array, told by the
// instruction and the registers after it.
#pragma once

#include "watchpoints/hit/hit.h"

#include <cstdint>
#include <optional>
#include <string>

namespace stakeout {

struct StoreOrigin {
    std::uint64_t start = 0;          // of the copy or fill, or of the array
    std::optional<std::uint64_t> end; // exclusive, where the registers tell it
    enum class Kind { Copy, Indexed } kind = Kind::Copy;
    std::string says; // "memset began there (its first argument, still in r9)"
};

// From Hit::instruction, and the registers that stomp's script took along (fields ax ... r15). Absent: the
// store addresses its target directly, or nothing tells.
std::optional<StoreOrigin> store_origin(const Hit& hit);

// The value of a 64-bit register among the script's fields; absent: not there. "rdi", "r9", "eax" is not one.
std::optional<std::uint64_t> register_value(const Hit& hit, std::string_view name);

} // namespace stakeout
