#include "watchpoints/target/kernel_types.h"

#include "base/near_names.h"
#include "loader/btf_names.h"
#include "loader/libbpf_log.h"

#include <bpf/btf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace stakeout {

struct KernelTypes::State {
    struct Free {
        void operator()(btf* types) const { btf__free(types); }
    };
    std::unique_ptr<btf, Free> vmlinux;
    std::unique_ptr<btf, Free> module;
    [[nodiscard]] const btf* all() const { return module ? module.get() : vmlinux.get(); }
};

KernelTypes::KernelTypes() : state_(std::make_unique<State>()) {}
KernelTypes::~KernelTypes() = default;

namespace {

std::string describe(const btf* types, TypeId id, int depth = 0) {
    const btf_type* t = btf__type_by_id(types, id);
    if (t == nullptr || depth > 16) return "?";
    const std::string name(name_at(types, t->name_off));
    switch (btf_kind(t)) {
    case BTF_KIND_UNKN:
        return "void";
    case BTF_KIND_STRUCT:
        return "struct " + (name.empty() ? "(anonymous)" : name);
    case BTF_KIND_UNION:
        return "union " + (name.empty() ? "(anonymous)" : name);
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64:
        return "enum " + (name.empty() ? "(anonymous)" : name);
    case BTF_KIND_PTR:
        return describe(types, t->type, depth + 1) + " *";
    case BTF_KIND_CONST:
        return "const " + describe(types, t->type, depth + 1);
    case BTF_KIND_VOLATILE:
        return "volatile " + describe(types, t->type, depth + 1);
    case BTF_KIND_RESTRICT:
    case BTF_KIND_TYPE_TAG:
        return describe(types, t->type, depth + 1);
    case BTF_KIND_ARRAY: {
        const auto* array = btf_array(t);
        return fmt::format("{}[{}]", describe(types, array->type, depth + 1), array->nelems);
    }
    case BTF_KIND_FUNC_PROTO:
        return "function";
    default:
        return name.empty() ? "?" : name;
    }
}

struct Member {
    TypeId type = 0;
    std::uint64_t bit_offset = 0;
    std::uint32_t bit_size = 0; // of a bit-field, else 0
};

// C's spellings of the integer types -> the compilers' own, which DWARF and so BTF use.
std::string compilers_spelling(const std::string& name) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 9> spellings{
        {{"long", "long int"},
         {"unsigned long", "long unsigned int"},
         {"long long", "long long int"},
         {"unsigned long long", "long long unsigned int"},
         {"short", "short int"},
         {"unsigned short", "short unsigned int"},
         {"unsigned", "unsigned int"},
         {"signed", "int"},
         {"bool", "_Bool"}}};
    for (const auto& [in_c, in_btf] : spellings)
        if (name == in_c) return std::string(in_btf);
    return name;
}

// Members that may be looked at in one search: a guest's types can be made up so that anonymous structs hold
// themselves many times over. task_struct has some 300.
constexpr std::size_t most_members = 100'000;

// A member by name, looking into anonymous structs and unions.
std::optional<Member> find_member(const btf* types, TypeId id, std::string_view field, std::size_t& looked_at,
                                  int depth = 0) {
    const btf_type* t = plain_type(types, id);
    if (t == nullptr || !btf_is_composite(t) || depth > 16) return std::nullopt;
    looked_at += btf_vlen(t);
    if (looked_at > most_members) return std::nullopt;
    const std::span<const btf_member> members(btf_members(t), btf_vlen(t));
    for (std::uint32_t i = 0; i < members.size(); ++i) {
        const std::string_view name = name_at(types, members[i].name_off);
        const std::uint64_t offset = btf_member_bit_offset(t, i);
        if (name == field) return Member{members[i].type, offset, btf_member_bitfield_size(t, i)};
        if (!name.empty()) continue;
        if (auto inside = find_member(types, members[i].type, field, looked_at, depth + 1)) {
            inside->bit_offset += offset;
            return inside;
        }
    }
    return std::nullopt;
}

void collect_fields(const btf* types, TypeId id, std::vector<std::string>& names, std::size_t& looked_at,
                    int depth = 0) {
    const btf_type* t = plain_type(types, id);
    if (t == nullptr || !btf_is_composite(t) || depth > 16) return;
    looked_at += btf_vlen(t);
    if (looked_at > most_members) return;
    for (const btf_member& member : std::span<const btf_member>(btf_members(t), btf_vlen(t))) {
        const std::string_view name = name_at(types, member.name_off);
        if (name.empty())
            collect_fields(types, member.type, names, looked_at, depth + 1);
        else
            names.emplace_back(name);
    }
}

// The walk itself: where we are, and one step further.
class Walk {
  public:
    Walk(const btf* types, std::uint64_t address, TypeId type, bool pointer_like,
         const KernelTypes::ReadWord& read)
        : types_(types), read_(read), pointer_like_(pointer_like) {
        place_.address = address;
        place_.type = type;
    }

    Status step(const PathStep& step) {
        if (bit_field_) return refuse(step, "a bit-field has no members");
        if (step.kind == PathStep::Kind::Index) return index(step);
        const bool pointer = is_pointer();
        if (step.kind == PathStep::Kind::Arrow && !pointer && !pointer_like_)
            return refuse(step, fmt::format("{} is not a pointer", here()),
                          fmt::format("write .{}", step.field));
        if (step.kind == PathStep::Kind::Member && pointer)
            return refuse(step, fmt::format("{} is a pointer", here()),
                          fmt::format("write ->{}", step.field));
        if (pointer)
            if (auto followed = follow(step); !followed) return followed;
        pointer_like_ = false;
        return member(step);
    }

    Result<TypedPlace> finish() {
        place_.type_name = describe(types_, place_.type);
        place_.is_signed = is_signed();
        if (bit_field_) return place_;
        const std::int64_t size = btf__resolve_size(types_, place_.type);
        if (size <= 0)
            return arm_error("watch " + walked_, fmt::format("its type ({}) has no size", place_.type_name),
                             "name one of its fields, or give --len");
        place_.size = static_cast<std::uint64_t>(size);
        return place_;
    }

  private:
    [[nodiscard]] const btf_type* type() const { return plain_type(types_, place_.type); }
    [[nodiscard]] bool is_signed() const {
        const btf_type* t = type();
        if (t == nullptr) return false;
        if (btf_is_any_enum(t)) return btf_kflag(t);
        return btf_is_int(t) && (btf_int_encoding(t) & BTF_INT_SIGNED) != 0;
    }
    [[nodiscard]] bool is_pointer() const { return type() != nullptr && btf_is_ptr(type()); }
    [[nodiscard]] std::string here() const {
        return walked_.empty() ? describe(types_, place_.type)
                               : fmt::format("{} ({})", walked_, describe(types_, place_.type));
    }
    [[nodiscard]] static Error refuse(const PathStep& step, std::string cause, std::string remedy = {}) {
        return arm_error("follow the path to '" + to_text({step}) + "'", std::move(cause), std::move(remedy));
    }

    Status follow(const PathStep& step) {
        std::uint64_t to = 0;
        if (!read_ || !read_(place_.address, to))
            return refuse(step, fmt::format("the pointer {} at {:#x} cannot be read", here(), place_.address),
                          "per-CPU variables: only . and [] can be followed");
        if (to < 4096)
            return refuse(step, fmt::format("the pointer {} is NULL now", here()),
                          "watch the pointer itself for its next value");
        place_.address = to;
        place_.type = type()->type;
        return done();
    }

    Status member(const PathStep& step) {
        std::size_t looked_at = 0;
        const auto found = find_member(types_, place_.type, step.field, looked_at);
        if (!found) return unknown_field(step);
        if (found->bit_size == 0) {
            place_.address += found->bit_offset / 8;
            place_.type = found->type;
        } else {
            // The word of its declared type that holds the bits: what the compiler's accesses touch.
            const auto width =
                static_cast<std::uint64_t>(std::max<std::int64_t>(1, btf__resolve_size(types_, found->type)));
            const std::uint64_t word = found->bit_offset / (8 * width);
            place_.address += word * width;
            place_.size = width;
            place_.bit_offset = static_cast<std::uint32_t>(found->bit_offset - word * width * 8);
            place_.bit_size = found->bit_size;
            place_.type = found->type;
            place_.note = fmt::format("{} is a bit-field (bits {}-{}): the {} bytes that hold it are watched",
                                      step.field, found->bit_offset - word * width * 8,
                                      found->bit_offset - word * width * 8 + found->bit_size - 1, width);
            bit_field_ = true;
        }
        walked_ += to_text({step});
        return done();
    }

    Status unknown_field(const PathStep& step) const {
        const btf_type* t = type();
        if (t == nullptr || !btf_is_composite(t))
            return refuse(step, fmt::format("{} has no members", here()));
        std::vector<std::string> names;
        std::size_t looked_at = 0;
        collect_fields(types_, place_.type, names, looked_at);
        NearNames search(step.field, 4);
        for (const std::string& name : names) search.consider(name);
        const std::vector<std::string> near = std::move(search).take();
        return refuse(step,
                      fmt::format("{} has no field '{}'",
                                  describe(types_, without_other_names(types_, place_.type)), step.field),
                      near.empty() ? "" : fmt::format("near names: {}", fmt::join(near, ", ")));
    }

    Status index(const PathStep& step) {
        const btf_type* t = type();
        if (t != nullptr && btf_is_ptr(t)) {
            if (auto followed = follow(step); !followed) return followed;
        } else if (t != nullptr && btf_is_array(t)) {
            const auto* array = btf_array(t);
            if (array->nelems != 0 && step.index >= array->nelems)
                return refuse(step, fmt::format("{} has {} elements", here(), array->nelems));
            place_.type = array->type;
        } else {
            return refuse(step, fmt::format("{} is neither an array nor a pointer", here()));
        }
        const std::int64_t size = btf__resolve_size(types_, place_.type);
        if (size <= 0) return refuse(step, "its elements have no size");
        place_.address += step.index * static_cast<std::uint64_t>(size);
        pointer_like_ = false;
        walked_ += to_text({step});
        return done();
    }

    const btf* types_;
    const KernelTypes::ReadWord& read_;
    bool pointer_like_;
    bool bit_field_ = false;
    TypedPlace place_;
    std::string walked_;
};

} // namespace

Result<std::unique_ptr<KernelTypes>> KernelTypes::load(const std::string& module) {
    std::unique_ptr<KernelTypes> types(
        new KernelTypes()); // NOLINT(cppcoreguidelines-owning-memory): private constructor
    types->state_->vmlinux.reset(btf__load_vmlinux_btf());
    if (!types->state_->vmlinux)
        return arm_error("read the kernel's types", "this kernel has no BTF (/sys/kernel/btf/vmlinux)",
                         "give an address with --addr and --len, or boot a kernel with CONFIG_DEBUG_INFO_BTF",
                         errno);
    if (!module.empty())
        types->state_->module.reset(btf__load_module_btf(module.c_str(), types->state_->vmlinux.get()));
    return types;
}

Result<std::unique_ptr<KernelTypes>> KernelTypes::parse(std::span<const std::uint8_t> bytes) {
    constexpr std::size_t most = 64U << 20; // 6.12 has 5 MB
    const std::string tried = "read the types of another kernel";
    if (bytes.empty() || bytes.size() > most)
        return arm_error(tried, fmt::format("{} bytes are no BTF", bytes.size()));
    std::unique_ptr<KernelTypes> types(
        new KernelTypes()); // NOLINT(cppcoreguidelines-owning-memory): private constructor
    capture_libbpf_messages();
    types->state_->vmlinux.reset(btf__new(bytes.data(), static_cast<std::uint32_t>(bytes.size())));
    const int problem = errno;
    const std::string says = take_libbpf_messages();
    if (!types->state_->vmlinux)
        return arm_error(tried,
                         "the bytes are no BTF that libbpf understands" + (says.empty() ? "" : ": " + says),
                         {}, problem);
    return types;
}

Result<TypeId> KernelTypes::find(std::string_view name) const {
    const btf* types = state_->all();
    std::string wanted(name);
    bool pointer = false;
    while (!wanted.empty() && (wanted.back() == '*' || wanted.back() == ' ')) {
        pointer = pointer || wanted.back() == '*';
        wanted.pop_back();
    }
    if (pointer) wanted = "unsigned long"; // what counts of a pointer is its width
    wanted = compilers_spelling(wanted);
    std::int32_t id = -ENOENT;
    const auto tagged = [&](std::string_view prefix, std::uint32_t kind) {
        if (wanted.starts_with(prefix))
            id = btf__find_by_name_kind(types, wanted.c_str() + prefix.size(), kind);
    };
    tagged("struct ", BTF_KIND_STRUCT);
    tagged("union ", BTF_KIND_UNION);
    tagged("enum ", BTF_KIND_ENUM);
    for (const std::uint32_t kind :
         {BTF_KIND_TYPEDEF, BTF_KIND_INT, BTF_KIND_STRUCT, BTF_KIND_UNION, BTF_KIND_ENUM})
        if (id <= 0) id = btf__find_by_name_kind(types, wanted.c_str(), kind);
    if (id > 0) return static_cast<TypeId>(id);
    return arm_error(fmt::format("find the type '{}'", name), "the kernel's BTF has no type of that name",
                     "write it as in C: 'struct net', 'u64', 'unsigned int'");
}

std::optional<PerCpuVariable> KernelTypes::per_cpu_variable(std::string_view name) const {
    const btf* types = state_->vmlinux.get();
    const std::int32_t section = btf__find_by_name_kind(types, ".data..percpu", BTF_KIND_DATASEC);
    if (section <= 0) return std::nullopt;
    const btf_type* t = btf__type_by_id(types, static_cast<TypeId>(section));
    for (const btf_var_secinfo& info : std::span<const btf_var_secinfo>(btf_var_secinfos(t), btf_vlen(t))) {
        const btf_type* variable = btf__type_by_id(types, info.type);
        if (variable != nullptr && name_at(types, variable->name_off) == name)
            return PerCpuVariable{info.offset, variable->type};
    }
    return std::nullopt;
}

std::vector<std::string> KernelTypes::per_cpu_names() const {
    std::vector<std::string> names;
    const btf* types = state_->vmlinux.get();
    const std::int32_t section = btf__find_by_name_kind(types, ".data..percpu", BTF_KIND_DATASEC);
    if (section <= 0) return names;
    const btf_type* t = btf__type_by_id(types, static_cast<TypeId>(section));
    for (const btf_var_secinfo& info : std::span<const btf_var_secinfo>(btf_var_secinfos(t), btf_vlen(t)))
        if (const btf_type* variable = btf__type_by_id(types, info.type); variable != nullptr)
            names.emplace_back(name_at(types, variable->name_off));
    return names;
}

Result<TypedPlace> KernelTypes::walk(std::uint64_t address, TypeId type, bool pointer_like,
                                     std::span<const PathStep> path, const ReadWord& read) const {
    Walk walk(state_->all(), address, type, pointer_like, read);
    for (const PathStep& step : path)
        if (auto stepped = walk.step(step); !stepped) return std::move(stepped).error();
    return walk.finish();
}

} // namespace stakeout
