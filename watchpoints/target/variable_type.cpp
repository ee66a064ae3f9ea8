#include "watchpoints/target/variable_type.h"

#include "watchpoints/target/debug_file.h"
#include "watchpoints/target/elf_file.h"
#include "watchpoints/target/expression.h"
#include "watchpoints/target/process_maps.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace stakeout {
namespace {

struct EndDwarf {
    void operator()(Dwarf* dwarf) const { dwarf_end(dwarf); }
};

std::string name_of(Dwarf_Die& die) {
    const char* name = dwarf_diename(&die);
    return name != nullptr ? name : "";
}

std::optional<Dwarf_Die> follow(Dwarf_Die& die, unsigned attribute) {
    Dwarf_Attribute holder;
    Dwarf_Die to;
    if (dwarf_attr_integrate(&die, attribute, &holder) == nullptr ||
        dwarf_formref_die(&holder, &to) == nullptr)
        return std::nullopt;
    return to;
}

// "std::" of std::mutex: the namespaces and classes around a type.
std::string scopes_of(Dwarf_Die& die) {
    Dwarf_Die* scopes = nullptr;
    const int count = dwarf_getscopes_die(&die, &scopes);
    const std::unique_ptr<Dwarf_Die, decltype(&std::free)> owner(scopes, &std::free);
    std::string text;
    for (int i = 1; i < count; ++i) {
        Dwarf_Die& scope = owner.get()[i]; // NOLINT(*-pointer-arithmetic): elfutils' array
        const int tag = dwarf_tag(&scope);
        const std::string name = name_of(scope);
        const bool counts =
            tag == DW_TAG_namespace || tag == DW_TAG_class_type || tag == DW_TAG_structure_type;
        if (counts && !name.empty()) text.insert(0, name + "::");
    }
    return text;
}

std::string type_name(Dwarf_Die type) {
    for (int depth = 0; depth < 16; ++depth) {
        const int tag = dwarf_tag(&type);
        if (tag != DW_TAG_const_type && tag != DW_TAG_volatile_type && tag != DW_TAG_atomic_type) break;
        const auto next = follow(type, DW_AT_type);
        if (!next) return {};
        type = *next;
    }
    const std::string name = name_of(type);
    if (name.empty()) return {};
    if (dwarf_tag(&type) == DW_TAG_structure_type) {
        const std::string scopes = scopes_of(type);
        return scopes.empty() ? "struct " + name : scopes + name;
    }
    return scopes_of(type) + name;
}

// Among the children of a unit, of namespaces and of functions (static locals).
std::optional<std::string> find_in(Dwarf_Die& parent, const std::string& scope, const std::string& wanted,
                                   int depth) {
    Dwarf_Die child;
    if (depth > 4 || dwarf_child(&parent, &child) != 0) return std::nullopt;
    do {
        const int tag = dwarf_tag(&child);
        const std::string name = name_of(child);
        if (tag == DW_TAG_variable && scope + name == wanted) {
            if (const auto type = follow(child, DW_AT_type)) return type_name(*type);
        } else if (tag == DW_TAG_namespace) {
            const std::string inner = name.empty() ? scope : scope + name + "::";
            if (auto found = find_in(child, inner, wanted, depth + 1)) return found;
        }
    } while (dwarf_siblingof(&child, &child) == 0);
    return std::nullopt;
}

std::optional<std::string> find_in_file(const ElfFile& file, const std::string& wanted) {
    const std::unique_ptr<Dwarf, EndDwarf> dwarf(dwarf_begin_elf(file.elf(), DWARF_C_READ, nullptr));
    if (!dwarf) return std::nullopt;
    Dwarf_CU* unit = nullptr;
    Dwarf_Die die;
    while (dwarf_get_units(dwarf.get(), unit, &unit, nullptr, nullptr, &die, nullptr) == 0)
        if (auto found = find_in(die, "", wanted, 0)) return found;
    return std::nullopt;
}

bool wanted_file(const std::string& path, const std::string& module) {
    return module.empty() || path == module || path.ends_with("/" + module);
}

} // namespace

std::string variable_type(int pid, const std::string& name) {
    const auto symbol = parse_symbol(name);
    const auto maps = ProcessMaps::read(pid);
    if (!symbol || !maps || symbol->offset != 0 || !symbol->path.empty()) return {};
    std::vector<std::string> seen;
    constexpr std::uint64_t most_bytes = 64ULL << 20U; // of debug information: beyond, --kind must say it
    for (const Mapping& mapping : maps->all()) {
        if (!mapping.path.starts_with('/') || !wanted_file(mapping.path, symbol->module)) continue;
        if (!seen.empty() && seen.back() == mapping.path) continue;
        seen.push_back(mapping.path);
        auto file = ElfFile::open(fmt::format("/proc/{}/root{}", pid, mapping.path));
        if (!file) continue;
        std::unique_ptr<ElfFile> separate;
        const ElfFile* with_types = file->get();
        if (with_types->section(".debug_info") == nullptr) {
            separate = find_debug_file(**file, mapping.path);
            with_types = separate.get();
        }
        const ElfFile::Section* info = with_types != nullptr ? with_types->section(".debug_info") : nullptr;
        if (info == nullptr || info->header.sh_size > most_bytes) continue;
        if (auto found = find_in_file(*with_types, symbol->name)) return *found;
    }
    return {};
}

} // namespace stakeout
