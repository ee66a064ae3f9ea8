// What a type of BTF is called, and what it is once its other names are taken off.
#pragma once

#include <bpf/btf.h>

#include <cstdint>
#include <string_view>

namespace stakeout {

inline std::string_view name_at(const btf* types, std::uint32_t offset) {
    const char* name = btf__name_by_offset(types, offset);
    return name != nullptr ? name : "";
}

// Without typedefs, const, volatile, restrict and type tags. Bounded: types may come from a damaged file.
inline std::uint32_t without_other_names(const btf* types, std::uint32_t id) {
    for (int depth = 0; depth < 32; ++depth) {
        const btf_type* t = btf__type_by_id(types, id);
        if (t == nullptr || !(btf_is_mod(t) || btf_is_typedef(t) || btf_is_type_tag(t))) break;
        id = t->type;
    }
    return id;
}
inline const btf_type* plain_type(const btf* types, std::uint32_t id) {
    return btf__type_by_id(types, without_other_names(types, id));
}

} // namespace stakeout
