#include "loader/compiler/type_printer.h"

#include "loader/compiler/struct_layout.h"

#include <fmt/format.h>

#include <algorithm>

namespace stakeout {
namespace {

constexpr std::uint32_t pointer_bytes = 8;

bool is_aggregate(std::uint32_t kind) { return kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION; }
bool is_enum(std::uint32_t kind) { return kind == BTF_KIND_ENUM || kind == BTF_KIND_ENUM64; }

const char* integer_name(std::uint64_t bytes, bool is_signed) {
    switch (bytes) {
    case 1:
        return is_signed ? "signed char" : "unsigned char";
    case 2:
        return is_signed ? "short" : "unsigned short";
    case 4:
        return is_signed ? "int" : "unsigned int";
    case 8:
        return is_signed ? "long long" : "unsigned long long";
    case 16:
        return is_signed ? "__int128" : "unsigned __int128";
    default:
        return nullptr;
    }
}

std::string indexed(const std::string& name, std::uint64_t count) {
    return name.starts_with('*') ? fmt::format("({})[{}]", name, count) : fmt::format("{}[{}]", name, count);
}

// As a C constant: a negative one has no suffix that the smallest number could bear.
std::string constant(std::int64_t value) {
    return value < 0 ? fmt::format("(-{}LL - 1)", -(value + 1)) : fmt::format("{}LL", value);
}
std::string constant(std::uint64_t value) { return fmt::format("{}ULL", value); }
std::string constant(std::int32_t value) { return fmt::format("{}", value); }
std::string constant(std::uint32_t value) { return fmt::format("{}U", value); }

} // namespace

TypePrinter::Spelled TypePrinter::spell_number(std::uint32_t id, const std::string& name) const {
    const std::uint64_t bytes = btf_.size(id);
    const char* type = nullptr;
    if (btf_.kind(id) == BTF_KIND_FLOAT) {
        type = bytes == 4 ? "float" : bytes == 8 ? "double" : nullptr;
    } else if (btf_.kind(id) == BTF_KIND_INT) {
        const std::uint32_t encoding = btf_.integer_encoding(id);
        const std::string_view known = btf_.name(id);
        if ((encoding & BTF_INT_BOOL) != 0)
            type = "_Bool";
        else if (known == "char")
            type = "char";
        // The kernel's `long` and `long long` are two types for printf and for pointers.
        else if (known == "long int")
            type = "long";
        else if (known == "long unsigned int")
            type = "unsigned long";
        else
            type = integer_name(bytes, (encoding & BTF_INT_SIGNED) != 0);
    } else {
        type = integer_name(bytes, btf_.kind_flag(id));
    }
    if (type == nullptr) return {fmt::format("unsigned char {}", indexed(name, bytes)), 1};
    return {fmt::format("{} {}", type, name), static_cast<std::uint32_t>(bytes)};
}

TypePrinter::Spelled TypePrinter::spell_opaque(std::uint32_t id, const std::string& name) const {
    id = btf_.bare(id);
    const std::uint64_t bytes = btf_.size(id);
    if (btf_.kind(id) == BTF_KIND_PTR) return {fmt::format("void *{}", name), pointer_bytes};
    if (btf_.kind(id) == BTF_KIND_INT || btf_.kind(id) == BTF_KIND_FLOAT || is_enum(btf_.kind(id)))
        return spell_number(id, name);
    if (btf_.kind(id) == BTF_KIND_ARRAY) {
        const std::uint32_t element = btf_.bare(btf_.array(id).type);
        if (btf_.kind(element) == BTF_KIND_INT)
            return spell_number(element, indexed(name, btf_.array(id).nelems));
        if (btf_.kind(element) == BTF_KIND_PTR)
            return {fmt::format("void *{}", indexed(name, btf_.array(id).nelems)), pointer_bytes};
    }
    return {fmt::format("unsigned char {}", indexed(name, bytes)), 1};
}

bool TypePrinter::owns_tag(std::uint32_t id) {
    const std::string_view tag = btf_.name(id);
    return !script_.defined_tags.contains(tag) && tag_owner_.try_emplace(tag, id).first->second == id;
}

std::optional<TypePrinter::Spelled> TypePrinter::spell_aggregate(std::uint32_t id, const std::string& name) {
    if (btf_.name(id).empty()) {
        Spelled body = spell_body(id);
        return Spelled{fmt::format("{} {}", body.text, name), body.align};
    }
    if (!define_aggregate(id)) return std::nullopt;
    const char* keyword = btf_.kind(id) == BTF_KIND_UNION ? "union" : "struct";
    return Spelled{fmt::format("{} {} {}", keyword, btf_.name(id), name), align_[id]};
}

std::optional<TypePrinter::Spelled> TypePrinter::spell_pointer(std::uint32_t to, const std::string& name) {
    to = btf_.unqualified(to);
    const std::uint32_t kind = to == 0 ? 0U : btf_.kind(to);
    if (kind == BTF_KIND_FUNC_PROTO) return Spelled{fmt::format("void (*{})(void)", name), pointer_bytes};
    if (is_aggregate(kind) || kind == BTF_KIND_FWD) {
        const std::string_view tag = btf_.name(to);
        if (tag.empty()) return Spelled{fmt::format("void *{}", name), pointer_bytes};
        const bool is_union = kind == BTF_KIND_UNION || (kind == BTF_KIND_FWD && btf_.kind_flag(to));
        const char* keyword = is_union ? "union" : "struct";
        if (declared_.insert(tag).second) forward_ += fmt::format("{} {};\n", keyword, tag);
        if (kind != BTF_KIND_FWD) later_.push_back(to);
        return Spelled{fmt::format("{} {} *{}", keyword, tag, name), pointer_bytes};
    }
    if (kind != 0)
        if (auto target = spell(to, "*" + name)) return Spelled{std::move(target->text), pointer_bytes};
    return Spelled{fmt::format("void *{}", name), pointer_bytes};
}

std::optional<TypePrinter::Spelled> TypePrinter::spell(std::uint32_t id, std::string name) {
    id = btf_.unqualified(id);
    if (id == 0) return std::nullopt;
    switch (btf_.kind(id)) {
    case BTF_KIND_INT:
    case BTF_KIND_FLOAT:
        return spell_number(id, name);
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64:
        if (!script_.tags.contains(btf_.name(id)) || !owns_tag(id)) return spell_number(id, name);
        define_enum(id);
        return Spelled{fmt::format("enum {} {}", btf_.name(id), name),
                       static_cast<std::uint32_t>(btf_.size(id))};
    case BTF_KIND_PTR:
        return spell_pointer(btf_.type(id).type, name);
    case BTF_KIND_ARRAY:
        return spell(btf_.array(id).type, indexed(name, btf_.array(id).nelems));
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
        return spell_aggregate(id, name);
    case BTF_KIND_TYPEDEF:
        if (!define_typedef(id)) return std::nullopt;
        return Spelled{fmt::format("{} {}", btf_.name(id), name), typedef_align_[id]};
    default:
        return std::nullopt;
    }
}

TypePrinter::Spelled TypePrinter::spell_body(std::uint32_t id) {
    const bool is_union = btf_.kind(id) == BTF_KIND_UNION;
    StructLayout layout(is_union, btf_.size(id));
    for (const btf_member& member : btf_.members(id)) {
        const std::string name(btf_.text(member.name_off));
        const bool fields = btf_.kind_flag(id);
        const std::uint32_t field_bits = fields ? BTF_MEMBER_BITFIELD_SIZE(member.offset) : 0;
        std::optional<Spelled> spelled;
        if (field_bits != 0)
            spelled = spell_number(btf_.bare(member.type), name);
        else if (name.empty() || script_.words.contains(name))
            spelled = spell(member.type, name);
        if (!spelled) spelled = spell_opaque(member.type, name);
        if (field_bits != 0) spelled->text += fmt::format(" : {}", field_bits);
        layout.add({.text = std::move(spelled->text),
                    .offset_bits = fields ? BTF_MEMBER_BIT_OFFSET(member.offset) : member.offset,
                    .bytes = btf_.size(member.type),
                    .align = spelled->align,
                    .field_bits = field_bits});
    }
    StructLayout::Body body = layout.body(gaps_);
    return {fmt::format("{} {}", is_union ? "union" : "struct", body.text), body.align};
}

bool TypePrinter::define_aggregate(std::uint32_t id) {
    if (align_.contains(id)) return true;
    // Begun and not ended: it holds itself, which no C type does.
    if (!owns_tag(id) || !started_.insert(id).second) return false;
    Spelled body = spell_body(id);
    const std::string_view keyword = btf_.kind(id) == BTF_KIND_UNION ? "union" : "struct";
    definitions_ += fmt::format("{} {}{};\n", keyword, btf_.name(id), body.text.substr(keyword.size()));
    align_[id] = body.align;
    return true;
}

bool TypePrinter::define_typedef(std::uint32_t id) {
    if (const auto found = typedef_align_.find(id); found != typedef_align_.end()) return found->second != 0;
    const std::string_view name = btf_.name(id);
    std::uint32_t& align = typedef_align_[id];
    if (known_.contains(name)) {
        align = static_cast<std::uint32_t>(btf_.size(id));
        return true;
    }
    if (is_taken(name)) return false;
    const auto target = spell(btf_.type(id).type, std::string(name));
    if (!target) return false;
    definitions_ += fmt::format("typedef {};\n", target->text);
    typedef_align_[id] = target->align; // spell() may have moved what `align` refers to
    return true;
}

void TypePrinter::define_enum(std::uint32_t id) {
    if (!started_.insert(id).second) return;
    std::string values;
    for (std::uint32_t index = 0; index < btf_.vlen(id); ++index) {
        const std::string_view name = enumerator_name(id, index);
        if (!is_taken(name) && enumerators_.insert(name).second)
            values += fmt::format("\t{} = {},\n", name, enumerator_value(id, index));
    }
    if (values.empty()) return;
    definitions_ += fmt::format("enum {} {{\n{}}}{};\n", btf_.name(id), values,
                                btf_.size(id) < sizeof(int) ? " __attribute__((packed))" : "");
}

void TypePrinter::want(std::uint32_t id) {
    if (btf_.name(id).empty()) return;
    if (btf_.kind(id) == BTF_KIND_TYPEDEF)
        define_typedef(id);
    else if (is_enum(btf_.kind(id)) && owns_tag(id))
        define_enum(id);
    else if (is_aggregate(btf_.kind(id)))
        define_aggregate(id);
}

void TypePrinter::want_enumerator(std::uint32_t id, std::uint32_t index) {
    const std::string_view name = enumerator_name(id, index);
    if (!is_taken(name) && enumerators_.insert(name).second)
        definitions_ += fmt::format("enum {{ {} = {} }};\n", name, enumerator_value(id, index));
}

std::string_view TypePrinter::enumerator_name(std::uint32_t id, std::uint32_t index) const {
    return btf_.text(btf_.kind(id) == BTF_KIND_ENUM64 ? btf_.enumerators64(id)[index].name_off
                                                      : btf_.enumerators(id)[index].name_off);
}

std::string TypePrinter::enumerator_value(std::uint32_t id, std::uint32_t index) const {
    const bool is_signed = btf_.kind_flag(id);
    if (btf_.kind(id) == BTF_KIND_ENUM64) {
        const btf_enum64& one = btf_.enumerators64(id)[index];
        const std::uint64_t value = std::uint64_t{one.val_hi32} << 32 | one.val_lo32;
        return is_signed ? constant(static_cast<std::int64_t>(value)) : constant(value);
    }
    const std::int32_t value = btf_.enumerators(id)[index].val;
    return is_signed || value >= 0 ? constant(value) : constant(static_cast<std::uint32_t>(value));
}

std::string TypePrinter::text() {
    for (; !later_.empty(); later_.pop_front()) define_aggregate(later_.front());
    return forward_ + definitions_;
}

} // namespace stakeout
