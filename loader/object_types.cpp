#include "loader/object_types.h"

#include <bpf/btf.h>
#include <fmt/format.h>
#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <memory>
#include <string_view>

namespace stakeout {
namespace {

struct Close {
    void operator()(Elf* image) const { ::elf_end(image); }
    void operator()(btf* types) const { btf__free(types); }
};

// The bytes of the section; empty: there is none.
std::span<const char> section_of(Elf* image, std::string_view wanted) {
    std::size_t names = 0;
    if (::elf_getshdrstrndx(image, &names) != 0) return {};
    Elf_Scn* section = nullptr;
    while ((section = ::elf_nextscn(image, section)) != nullptr) {
        GElf_Shdr header{};
        if (::gelf_getshdr(section, &header) == nullptr) continue;
        const char* name = ::elf_strptr(image, names, header.sh_name);
        if (name == nullptr || name != wanted) continue;
        const Elf_Data* data = ::elf_getdata(section, nullptr);
        if (data == nullptr || data->d_buf == nullptr) return {};
        return {static_cast<const char*>(data->d_buf), data->d_size};
    }
    return {};
}

class TypeCheck {
  public:
    explicit TypeCheck(const btf* types) : types_(types), count_(btf__type_cnt(types)) {}

    [[nodiscard]] bool all_are_sound() const {
        for (std::uint32_t id = 1; id < count_; ++id)
            if (!is_sound(id)) return false;
        return true;
    }

  private:
    [[nodiscard]] bool is_type(std::uint32_t id) const { return id < count_; }
    [[nodiscard]] bool is_name(std::uint32_t offset) const {
        return btf__name_by_offset(types_, offset) != nullptr;
    }
    [[nodiscard]] static bool names_another(const btf_type* t) { return btf_is_mod(t) || btf_is_typedef(t); }

    [[nodiscard]] bool is_sound(std::uint32_t id) const {
        const btf_type* t = btf__type_by_id(types_, id);
        if (t == nullptr || !is_name(t->name_off)) return false;
        switch (btf_kind(t)) {
        case BTF_KIND_PTR:
        case BTF_KIND_TYPEDEF:
        case BTF_KIND_VOLATILE:
        case BTF_KIND_CONST:
        case BTF_KIND_RESTRICT:
        case BTF_KIND_TYPE_TAG:
            return is_type(t->type) && (!names_another(t) || ends(t));
        case BTF_KIND_VAR:
        case BTF_KIND_DECL_TAG:
            return is_type(t->type);
        case BTF_KIND_FUNC:
            return is_type(t->type) && btf_is_func_proto(btf__type_by_id(types_, t->type));
        case BTF_KIND_ARRAY:
            return is_type(btf_array(t)->type) && is_type(btf_array(t)->index_type);
        case BTF_KIND_STRUCT:
        case BTF_KIND_UNION:
            return every(std::span(btf_members(t), btf_vlen(t)));
        case BTF_KIND_FUNC_PROTO:
            return is_type(t->type) && every(std::span(btf_params(t), btf_vlen(t)));
        case BTF_KIND_DATASEC:
            return every(std::span(btf_var_secinfos(t), btf_vlen(t)));
        case BTF_KIND_ENUM:
            return every(std::span(btf_enum(t), btf_vlen(t)));
        case BTF_KIND_ENUM64:
            return every(std::span(btf_enum64(t), btf_vlen(t)));
        default:
            return true;
        }
    }

    template <class Part>
    [[nodiscard]] bool every(std::span<Part> parts) const {
        return std::ranges::all_of(parts, [this](const auto& part) { return this->part_is_sound(part); });
    }
    [[nodiscard]] bool part_is_sound(const btf_member& one) const {
        return is_name(one.name_off) && is_type(one.type);
    }
    [[nodiscard]] bool part_is_sound(const btf_param& one) const {
        return is_name(one.name_off) && is_type(one.type);
    }
    [[nodiscard]] bool part_is_sound(const struct btf_enum& one) const { return is_name(one.name_off); }
    [[nodiscard]] bool part_is_sound(const struct btf_enum64& one) const { return is_name(one.name_off); }
    [[nodiscard]] bool part_is_sound(const btf_var_secinfo& one) const { return is_type(one.type); }

    // A typedef of a typedef of itself would be followed for ever.
    [[nodiscard]] bool ends(const btf_type* t) const {
        constexpr int most_names = 64;
        for (int turn = 0; turn < most_names; ++turn) {
            if (!names_another(t)) return true;
            if (!is_type(t->type)) return false;
            t = btf__type_by_id(types_, t->type);
        }
        return false;
    }

    const btf* types_;
    std::uint32_t count_;
};

} // namespace

Status check_object_types(std::span<const char> object, const std::string& name) {
    ::elf_version(EV_CURRENT);
    // libelf reads only; its interface is older than const.
    const std::unique_ptr<Elf, Close> image(
        ::elf_memory(const_cast<char*>(object.data()), object.size())); // NOLINT(*-const-cast)
    if (!image) return done();
    const std::span<const char> section = section_of(image.get(), ".BTF");
    if (section.empty()) return done();
    const std::unique_ptr<btf, Close> types(
        btf__new(section.data(), static_cast<std::uint32_t>(section.size())));
    if (types != nullptr && TypeCheck(types.get()).all_are_sound()) return done();
    return usage_error(fmt::format("use the script {}", name),
                       "it is no sound BPF object: its type information is damaged", "compile it once more");
}

} // namespace stakeout
