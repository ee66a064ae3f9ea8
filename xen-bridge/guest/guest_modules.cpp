#include "xen-bridge/guest/guest_modules.h"

#include "xen-bridge/guest/guest_types.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <vector>

namespace stakeout {
namespace {

constexpr std::size_t most_modules = 1024;
constexpr std::size_t most_bytes = 32U << 20; // of all tables
constexpr std::size_t most_symbols = 200'000; // of one module
constexpr std::size_t longest_name = 512;
constexpr std::size_t longest_module = 56; // MODULE_NAME_LEN

// include/linux/module.h
struct Offsets {
    std::uint64_t list = 0, name = 0, state = 0, kallsyms = 0;    // struct module
    std::uint64_t symtab = 0, count = 0, strtab = 0, typetab = 0; // struct mod_kallsyms
};

Result<Offsets> offsets_in(const KernelTypes& types) {
    FieldReader fields(types);
    Offsets at;
    at.list = fields.offset("struct module", "list", 16);
    at.name = fields.offset("struct module", "name", longest_module);
    at.state = fields.offset("struct module", "state", 4);
    at.kallsyms = fields.offset("struct module", "kallsyms", 8);
    at.symtab = fields.offset("struct mod_kallsyms", "symtab", 8);
    at.count = fields.offset("struct mod_kallsyms", "num_symtab", 4);
    at.strtab = fields.offset("struct mod_kallsyms", "strtab", 8);
    at.typetab = fields.offset("struct mod_kallsyms", "typetab", 8);
    if (fields.missing()) return *fields.missing();
    return at;
}

bool printable(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

class ModuleReader {
  public:
    ModuleReader(GuestMemory& memory, const Offsets& at) : memory_(memory), at_(at) {}

    // False: it does not look like a module.
    bool take(std::uint64_t module) {
        const auto name = memory_.read_string(module + at_.name, longest_module);
        const auto state = memory_.read<std::uint32_t>(module + at_.state);
        if (!name || !state || !printable(*name)) return false;
        constexpr std::uint32_t live = 0; // MODULE_STATE_LIVE
        if (*state != live) return true;
        const auto tables = memory_.read<std::uint64_t>(module + at_.kallsyms);
        if (tables && *tables != 0) symbols(*name, *tables);
        found_.modules += 1;
        return true;
    }
    GuestModules found() && { return std::move(found_); }

  private:
    template <class T>
    bool table(std::uint64_t address, std::size_t count, std::vector<T>& into) {
        bytes_ += count * sizeof(T);
        if (bytes_ > most_bytes) return false;
        std::vector<std::uint8_t> bytes(count * sizeof(T));
        if (memory_.read(address, bytes) != bytes.size()) return false;
        into.resize(count);
        if (count != 0) std::memcpy(into.data(), bytes.data(), bytes.size());
        return true;
    }

    void symbols(const std::string& module, std::uint64_t tables) {
        const auto symtab = memory_.read<std::uint64_t>(tables + at_.symtab);
        const auto count = memory_.read<std::uint32_t>(tables + at_.count);
        const auto strtab = memory_.read<std::uint64_t>(tables + at_.strtab);
        const auto typetab = memory_.read<std::uint64_t>(tables + at_.typetab);
        std::vector<Elf64_Sym> list;
        std::vector<char> types, names;
        if (!symtab || !count || !strtab || !typetab || *count > most_symbols ||
            !table(*symtab, *count, list) || !table(*typetab, *count, types))
            return;
        std::size_t last = 0; // where the last name begins; names lie one behind the other
        for (const Elf64_Sym& symbol : list) last = std::max<std::size_t>(last, symbol.st_name);
        const auto tail = memory_.read_string(*strtab + last, longest_name);
        if (!tail || last > most_bytes || !table(*strtab, last + tail->size(), names)) return;
        const std::string_view all(names.data(), names.size());
        for (std::size_t i = 0; i < list.size(); ++i) {
            const std::size_t start = list[i].st_name;
            const std::string_view name =
                all.substr(start, std::min(all.find('\0', start), all.size()) - start);
            const bool letter = (types[i] >= 'a' && types[i] <= 'z') || (types[i] >= 'A' && types[i] <= 'Z');
            if (!letter || !printable(name) || name.size() > longest_name || list[i].st_value == 0) continue;
            fmt::format_to(std::back_inserter(found_.text), "{:016x} {} {}\t[{}]\n", list[i].st_value,
                           types[i], name, module);
            found_.symbols += 1;
        }
    }

    GuestMemory& memory_;
    Offsets at_;
    GuestModules found_;
    std::size_t bytes_ = 0;
};

} // namespace

Result<GuestModules> modules_of(GuestMemory& memory, const KernelTypes& types, const KernelSymbols& symbols) {
    const auto at = offsets_in(types);
    if (!at) return at.error();
    const auto heads = symbols.find("vmlinux:modules");
    if (heads.size() != 1)
        return arm_error("find the guest's modules", "their list is not among the kernel's symbols");
    const std::uint64_t head = heads.front().address;
    ModuleReader reader(memory, *at);
    auto next = memory.read<std::uint64_t>(head);
    for (std::size_t count = 0; next && *next != head && count < most_modules; ++count) {
        if ((*next >> 63) == 0 || !reader.take(*next - at->list)) break;
        next = memory.read<std::uint64_t>(*next);
    }
    return std::move(reader).found();
}

} // namespace stakeout
