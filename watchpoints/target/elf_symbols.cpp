#include "watchpoints/target/elf_symbols.h"

#include "base/near_names.h"
#include "watchpoints/target/demangle.h"

#include <algorithm>
#include <unordered_set>

namespace stakeout {

std::string_view ElfSymbols::Entry::plain_name() const {
    const std::string_view whole(name);
    const std::size_t version = whole.find('@');
    return version == 0 ? whole : whole.substr(0, version);
}

void ElfSymbols::add(const ElfFile& file) {
    const auto section_of = [&](const GElf_Sym& symbol) {
        const std::size_t index = symbol.st_shndx; // sections() leaves out the empty section 0
        return index > 0 && index <= file.sections().size() ? &file.sections()[index - 1].header : nullptr;
    };
    const auto visit = [&](const char* name, const GElf_Sym& symbol) {
        const unsigned type = GELF_ST_TYPE(symbol.st_info);
        if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx == SHN_ABS) return;
        if (type == STT_SECTION || type == STT_FILE) return;
        const GElf_Shdr* section = section_of(symbol);
        const bool in_code = section != nullptr && (section->sh_flags & SHF_EXECINSTR) != 0;
        Entry entry{.address = symbol.st_value, .size = symbol.st_size, .name = name};
        if (section != nullptr) entry.reach = section->sh_addr + section->sh_size;
        entry.is_thread_local = type == STT_TLS;
        entry.is_text = type == STT_FUNC || type == STT_GNU_IFUNC || (type == STT_NOTYPE && in_code);
        entry.is_data = type == STT_OBJECT || type == STT_COMMON || (type == STT_NOTYPE && !entry.is_text);
        const unsigned binding = GELF_ST_BIND(symbol.st_info);
        entry.rank =
            static_cast<std::uint8_t>((type != STT_NOTYPE ? 8 : 0) + (symbol.st_size != 0 ? 4 : 0) +
                                      (binding == STB_GLOBAL ? 2 : 0) + (binding == STB_WEAK ? 1 : 0));
        entries_.push_back(entry);
    };
    for (const ElfFile::Section& section : file.sections())
        if (section.header.sh_type == SHT_SYMTAB || section.header.sh_type == SHT_DYNSYM)
            file.each_symbol(section, visit);
}

void ElfSymbols::sort() {
    std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
        return a.address != b.address ? a.address < b.address : a.rank > b.rank;
    });
    const auto twice = [](const Entry& a, const Entry& b) {
        return a.address == b.address && a.is_thread_local == b.is_thread_local &&
               a.plain_name() == b.plain_name();
    };
    entries_.erase(std::unique(entries_.begin(), entries_.end(), twice), entries_.end());
    entries_.shrink_to_fit();
}

ElfSymbol ElfSymbols::symbol(const Entry& entry) {
    return {.name = std::string(entry.plain_name()),
            .address = entry.address,
            .size = entry.size,
            .is_data = entry.is_data,
            .is_text = entry.is_text,
            .is_thread_local = entry.is_thread_local};
}

template <class Matches>
std::vector<ElfSymbol> ElfSymbols::matching(const Matches& matches) const {
    std::vector<ElfSymbol> found;
    for (const Entry& entry : entries_) {
        if (!matches(entry)) continue;
        const bool again = !found.empty() && found.back().address == entry.address &&
                           found.back().is_thread_local == entry.is_thread_local;
        if (!again) found.push_back(symbol(entry));
    }
    return found;
}

std::vector<ElfSymbol> ElfSymbols::find(std::string_view name) const {
    auto found = matching([&](const Entry& entry) { return entry.plain_name() == name; });
    if (!found.empty() || name.empty()) return found;
    // A C++ name, with or without its parameters. Demangling is slow: only what contains its last part is
    // tried.
    const std::string_view without_parameters = name.substr(0, name.find('('));
    const std::size_t colons = without_parameters.rfind("::");
    const std::string_view last =
        colons == std::string_view::npos ? without_parameters : without_parameters.substr(colons + 2);
    const std::string_view part = last.substr(0, last.find('<'));
    return matching([&](const Entry& entry) {
        const std::string_view mangled = entry.plain_name();
        if (!mangled.starts_with("_Z") || mangled.find(part) == std::string_view::npos) return false;
        const std::string written = demangle(std::string(mangled));
        return written == name || std::string_view(written).substr(0, written.find('(')) == name;
    });
}

std::optional<ElfSymbol> ElfSymbols::containing(std::uint64_t address) const {
    auto at = std::upper_bound(entries_.begin(), entries_.end(), address,
                               [](std::uint64_t a, const Entry& entry) { return a < entry.address; });
    // Functions nest (assembler labels inside a function), hence the look further back; not for ever, since a
    // file without sizes has none that fits.
    constexpr int furthest = 64;
    const Entry* without_size = nullptr;
    const Entry* inside = nullptr;
    for (int i = 0; i < furthest && at != entries_.begin(); ++i) {
        --at;
        if (at->is_thread_local) continue;
        if (at->size == 0) {
            // Only the nearest beginning counts, and of those at one address the best, which is the first.
            if (without_size == nullptr || without_size->address == at->address) without_size = &*at;
        } else if (address - at->address < at->size) {
            if (inside != nullptr && inside->address != at->address) break;
            inside = &*at;
        } else if (without_size == nullptr && inside == nullptr) {
            // Behind the end of a sized symbol: an earlier one without a size does not reach over it.
            without_size = &*at;
        } else if (inside != nullptr) {
            break;
        }
    }
    if (inside != nullptr) return symbol(*inside);
    if (without_size != nullptr && without_size->size == 0 && address < without_size->reach)
        return symbol(*without_size);
    return std::nullopt;
}

std::vector<std::string> ElfSymbols::nearest(std::string_view name, std::size_t limit) const {
    NearNames near(name, limit);
    std::unordered_set<std::string_view> seen;
    for (const Entry& entry : entries_)
        if (seen.insert(entry.plain_name()).second) near.consider(demangle(std::string(entry.plain_name())));
    return std::move(near).take();
}

} // namespace stakeout
