// What the user says of objects that are not yet born -> where they come from, and where the counter is in
// them.
#pragma once

#include "base/result.h"
#include "scripts/refcount/births.h"
#include "watchpoints/target/kernel_symbols.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

struct OriginQuery {
    std::string type;                        // "struct session.refs", "struct file.f_count", "session"
    std::string born_by;                     // function, [MODULE:]NAME; empty: by slab cache
    std::string cache;                       // slab cache; empty: the type's name, where no function is given
    std::optional<std::uint64_t> at, length; // of the counter in the object, where no BTF tells
    std::optional<int> pid;                  // absent: the kernel's objects
};

struct ObjectOrigin {
    Birthplace place;
    std::string counter_type; // in C; empty: not known
    bool is_signed = false;
    std::vector<std::string> not_covered; // births and deaths that are not seen this way
};

// Errors: Usage where the words do not fit together; CannotArm for unknown types, fields, functions and
// caches, with near names. `symbols`: the kernel's; needed without a pid.
Result<ObjectOrigin> find_origin(const OriginQuery& query, const KernelSymbols* symbols);

// The parts of `type`: "struct file.f_count" is file and .f_count.
struct TypePath {
    std::string type, field_path;
};
TypePath split_type_path(const std::string& text);

} // namespace stakeout
