// System.map and vmlinux: the symbols that /proc/kallsyms does not list.
#include "base/text_file.h"
#include "watchpoints/target/elf_file.h"
#include "watchpoints/target/kernel_symbol_table.h"

#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <unordered_map>

namespace stakeout {
namespace {

char nm_type(const ElfFile& file, const GElf_Sym& symbol) {
    const std::size_t index = symbol.st_shndx;
    const bool global = GELF_ST_BIND(symbol.st_info) != STB_LOCAL;
    if (index == SHN_ABS) return global ? 'A' : 'a';
    if (index == SHN_UNDEF || index > file.sections().size()) return 'U';
    const GElf_Shdr& section = file.sections()[index - 1].header; // sections() leaves out the empty section 0
    if ((section.sh_flags & SHF_EXECINSTR) != 0) return global ? 'T' : 't';
    if (section.sh_type == SHT_NOBITS) return global ? 'B' : 'b';
    if ((section.sh_flags & SHF_WRITE) != 0) return global ? 'D' : 'd';
    return global ? 'R' : 'r';
}

// A vmlinux's symbols in the words of a System.map.
std::string as_system_map(const ElfFile& file) {
    std::string text;
    const auto visit = [&](const char* name, const GElf_Sym& symbol) {
        const unsigned type = GELF_ST_TYPE(symbol.st_info);
        if (type == STT_SECTION || type == STT_FILE || symbol.st_shndx == SHN_UNDEF) return;
        std::array<char, 17> address{};
        std::to_chars(address.data(), address.data() + 16, symbol.st_value, 16);
        text += address.data();
        text += ' ';
        text += nm_type(file, symbol);
        text += ' ';
        text += name;
        text += '\n';
    };
    for (const ElfFile::Section& section : file.sections())
        if (section.header.sh_type == SHT_SYMTAB) file.each_symbol(section, visit);
    return text;
}

Result<std::string> text_of(const std::string& path) {
    if (auto elf = ElfFile::open(path)) return as_system_map(**elf);
    return read_text_file(path);
}

bool in_kernel_half(std::uint64_t address) { return (address >> 63) != 0; }

// How far the running kernel's text was moved from where the file has it. nullopt: the file is another
// kernel's.
std::optional<std::uint64_t> offset_between(const std::vector<KernelSymbol>& in_file,
                                            const KernelSymbols& running) {
    std::unordered_map<std::string_view, int> times;
    for (const KernelSymbol& symbol : in_file) ++times[symbol.name];
    std::map<std::uint64_t, std::size_t> agreeing;
    std::size_t compared = 0;
    for (const KernelSymbol& symbol : in_file) {
        if (!symbol.is_text() || !in_kernel_half(symbol.address) || times[symbol.name] != 1) continue;
        const auto here = running.find(symbol.name);
        if (here.size() != 1 || !here.front().is_text() || !here.front().module.empty()) continue;
        ++agreeing[here.front().address - symbol.address];
        ++compared;
    }
    const auto most = std::max_element(agreeing.begin(), agreeing.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    // In another build of a kernel neighbours may agree with each other, but never nearly all symbols.
    if (most == agreeing.end() || most->second < 2 || most->second * 10 < compared * 9) return std::nullopt;
    return most->first;
}

} // namespace

Result<std::unique_ptr<KernelSymbols>> KernelSymbols::read_file(const std::string& path) {
    const std::string tried = "read the kernel symbols of " + path;
    auto text = text_of(path);
    if (!text) return arm_error(tried, text.error().cause, {}, text.error().errno_value);
    auto symbols = parse(std::move(*text));
    constexpr std::size_t least = 1000;
    if (symbols->size() < least)
        return arm_error(tried, "it holds no kernel's symbols",
                         "Debian's own System.map is a line that names the package of the real one (-dbg)");
    return symbols;
}

std::unique_ptr<KernelSymbols> KernelSymbols::moved(std::uint64_t by) const {
    std::unique_ptr<KernelSymbols> result(new KernelSymbols); // NOLINT: the constructor is private
    result->table_->entries.reserve(table_->entries.size());
    for (const auto& entry : table_->entries)
        result->table_->add(table_->symbol(entry),
                            in_kernel_half(entry.address) ? entry.address + by : entry.address);
    result->table_->end_of_additions();
    return result;
}

Status KernelSymbols::add_file(const std::string& path) {
    const std::string tried = "add the kernel symbols of " + path;
    auto text = text_of(path);
    if (!text) return arm_error(tried, text.error().cause, {}, text.error().errno_value);
    const auto file = parse(std::move(*text));
    std::vector<KernelSymbol> in_file;
    in_file.reserve(file->size());
    for (const auto& entry : file->table_->entries) in_file.push_back(file->table_->symbol(entry));

    const auto offset = offset_between(in_file, *this);
    if (!offset)
        return arm_error(tried, "its text symbols are not those of the running kernel",
                         "use the file of exactly this kernel: uname -r names it");
    constexpr std::string_view data = "dDbBrR";
    std::vector<std::pair<KernelSymbol, std::uint64_t>> additions;
    for (const KernelSymbol& symbol : in_file) {
        if (data.find(symbol.type) == std::string_view::npos) continue;
        // Small addresses are offsets into the per-CPU areas, which KASLR leaves alone.
        const std::uint64_t address =
            in_kernel_half(symbol.address) ? symbol.address + *offset : symbol.address;
        const auto known = find(symbol.name);
        const auto same = [&](const KernelSymbol& other) { return other.address == address; };
        if (std::none_of(known.begin(), known.end(), same)) additions.emplace_back(symbol, address);
    }
    for (const auto& [symbol, address] : additions) table_->add(symbol, address);
    table_->end_of_additions();
    return done();
}

std::vector<std::string> KernelSymbols::usual_files() {
    utsname machine{};
    if (::uname(&machine) != 0) return {};
    const std::string release = machine.release;
    const std::string modules = "/lib/modules/" + release;
    return {"/boot/System.map-" + release,
            "/usr/lib/debug/boot/System.map-" + release,
            modules + "/System.map",
            modules + "/build/System.map",
            "/boot/vmlinux-" + release,
            "/usr/lib/debug/boot/vmlinux-" + release,
            "/usr/lib/debug" + modules + "/vmlinux",
            modules + "/build/vmlinux"};
}

} // namespace stakeout
