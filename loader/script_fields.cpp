#include "loader/script_fields.h"

#include "loader/btf_names.h"

#include <bpf/btf.h>
#include <fmt/format.h>

#include <span>
#include <string_view>

#define STAKEOUT_LAYOUT
#include "bpf/stakeout.h"

namespace stakeout {
namespace {

constexpr std::size_t most_values = 64; // shown of one record, arrays included

class Flattening {
  public:
    explicit Flattening(const btf* types) : types_(types) {}

    Status members(const btf_type* t, const std::string& prefix, std::uint64_t bits_before, int depth) {
        if (depth > 8) return refuse(prefix, "structs are nested too deep");
        const std::span<const btf_member> list(btf_members(t), btf_vlen(t));
        for (std::uint32_t i = 0; i < list.size(); ++i) {
            const std::string_view name = name_at(types_, list[i].name_off);
            const std::string full =
                name.empty() ? prefix : prefix + (prefix.empty() ? "" : ".") + std::string(name);
            auto added = value(list[i].type, full, bits_before + btf_member_bit_offset(t, i),
                               btf_member_bitfield_size(t, i), depth);
            if (!added) return added;
        }
        return done();
    }

    std::vector<ScriptFieldLayout> take() { return std::move(fields_); }

  private:
    static Status refuse(const std::string& name, const std::string& why) {
        return usage_error(fmt::format("show the field '{}' of the script's struct fields", name), why,
                           "use numbers, enums, pointers, char arrays, and arrays and structs of these");
    }

    Status value(std::uint32_t type, const std::string& name, std::uint64_t bits, std::uint32_t bit_size,
                 int depth) {
        const btf_type* t = plain_type(types_, type);
        if (t == nullptr) return refuse(name, "its type is not known");
        if (btf_is_composite(t)) return members(t, name, bits, depth + 1);
        if (btf_is_array(t)) return array(*btf_array(t), name, bits, depth);
        ScriptFieldLayout field;
        field.name = name;
        field.offset = static_cast<std::uint32_t>(bits / 8);
        field.bytes = btf_is_ptr(t) ? 8 : t->size;
        if (bit_size != 0) {
            field.offset = static_cast<std::uint32_t>(bits / 8 / 8 * 8);
            field.bit_offset = static_cast<std::uint32_t>(bits - std::uint64_t{field.offset} * 8);
            field.bit_size = bit_size;
            field.bytes = 8;
        }
        if (!kind_of(t, field)) return refuse(name, "values of its type cannot be shown");
        if (fields_.size() >= most_values)
            return refuse(name, fmt::format("there are more than {} values", most_values));
        fields_.push_back(std::move(field));
        return done();
    }

    bool kind_of(const btf_type* t, ScriptFieldLayout& field) const {
        using Kind = ScriptFieldLayout::Kind;
        if (btf_is_ptr(t)) {
            field.kind = Kind::Address;
        } else if (btf_is_int(t)) {
            const std::uint32_t encoding = btf_int_encoding(t);
            field.kind = (encoding & BTF_INT_BOOL) != 0     ? Kind::Bool
                         : (encoding & BTF_INT_SIGNED) != 0 ? Kind::Signed
                                                            : Kind::Unsigned;
        } else if (btf_is_enum(t)) {
            field.kind = Kind::Enum;
            for (const struct btf_enum& one : std::span<const struct btf_enum>(btf_enum(t), btf_vlen(t)))
                field.names.emplace_back(one.val, name_at(types_, one.name_off));
        } else {
            return false;
        }
        return field.bytes == 1 || field.bytes == 2 || field.bytes == 4 || field.bytes == 8;
    }

    Status array(const struct btf_array& list, const std::string& name, std::uint64_t bits, int depth) {
        const btf_type* element = plain_type(types_, list.type);
        if (element != nullptr && btf_is_int(element) && element->size == 1 && is_character(list.type)) {
            fields_.push_back({name,
                               ScriptFieldLayout::Kind::Text,
                               static_cast<std::uint32_t>(bits / 8),
                               list.nelems,
                               0,
                               0,
                               {}});
            return done();
        }
        const std::int64_t size = btf__resolve_size(types_, list.type);
        if (size <= 0) return refuse(name, "its elements have no size");
        for (std::uint32_t i = 0; i < list.nelems; ++i)
            if (auto added = value(list.type, fmt::format("{}[{}]", name, i),
                                   bits + std::uint64_t{i} * static_cast<std::uint64_t>(size) * 8, 0, depth);
                !added)
                return added;
        return done();
    }

    // `char` by its name, in C's spelling; u8[] are numbers.
    [[nodiscard]] bool is_character(std::uint32_t type) const {
        const btf_type* t = btf__type_by_id(types_, type);
        while (t != nullptr && btf_is_mod(t)) t = btf__type_by_id(types_, t->type);
        return t != nullptr && btf_is_int(t) && name_at(types_, t->name_off) == "char";
    }

    const btf* types_;
    std::vector<ScriptFieldLayout> fields_;
};

} // namespace

Result<std::vector<ScriptFieldLayout>> script_fields(const btf* types) {
    const std::int32_t id = types == nullptr ? -1 : btf__find_by_name_kind(types, "fields", BTF_KIND_STRUCT);
    if (id <= 0) return std::vector<ScriptFieldLayout>{};
    const btf_type* t = btf__type_by_id(types, static_cast<std::uint32_t>(id));
    if (t->size > SO_FIELDS_BYTES)
        return usage_error("use the script's struct fields", fmt::format("it has {} bytes", t->size),
                           fmt::format("at most {} fit into a record; larger memory is for snapshot()",
                                       int{SO_FIELDS_BYTES}));
    Flattening flattening(types);
    if (auto flat = flattening.members(t, "", 0, 0); !flat) return std::move(flat).error();
    return flattening.take();
}

} // namespace stakeout
