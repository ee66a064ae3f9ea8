#include "watchpoints/target/source_lines.h"

#include <algorithm>

namespace stakeout {
namespace {

// libdw reads every debug section as a whole, and a watch must stay small on a machine in trouble: libc's
// lines are told, those of a browser are not (addr2line has them).
constexpr std::uint64_t most_debug_bytes = 32ULL * 1024 * 1024;

} // namespace

bool SourceLines::present_in(const ElfFile& file) {
    const ElfFile::Section* info = file.section(".debug_info");
    const ElfFile::Section* line = file.section(".debug_line");
    if (info == nullptr || line == nullptr || info->header.sh_type == SHT_NOBITS) return false;
    std::uint64_t bytes = 0;
    for (const ElfFile::Section& section : file.sections())
        if (section.name.starts_with(".debug_")) bytes += section.header.sh_size;
    return bytes <= most_debug_bytes;
}

SourceLines::SourceLines(const ElfFile& file) : dwarf_(dwarf_begin_elf(file.elf(), DWARF_C_READ, nullptr)) {
    if (!dwarf_) return;
    Dwarf_CU* unit = nullptr;
    Dwarf_Die die;
    while (dwarf_get_units(dwarf_.get(), unit, &unit, nullptr, nullptr, &die, nullptr) == 0) {
        Dwarf_Addr base = 0, start = 0, end = 0;
        for (std::ptrdiff_t next = 0; (next = dwarf_ranges(&die, next, &base, &start, &end)) > 0;)
            if (start < end && start != 0) ranges_.push_back({start, end, dwarf_dieoffset(&die)});
    }
    std::sort(ranges_.begin(), ranges_.end(),
              [](const Range& a, const Range& b) { return a.start < b.start; });
}

std::optional<SourceLine> SourceLines::at(std::uint64_t address) const {
    const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), address,
                                        [](std::uint64_t a, const Range& range) { return a < range.start; });
    if (after == ranges_.begin() || address >= std::prev(after)->end) return std::nullopt;
    Dwarf_Die unit;
    if (dwarf_offdie(dwarf_.get(), std::prev(after)->unit, &unit) == nullptr) return std::nullopt;
    Dwarf_Line* line = dwarf_getsrc_die(&unit, address);
    if (line == nullptr) return std::nullopt;
    SourceLine found;
    const char* file = dwarf_linesrc(line, nullptr, nullptr);
    // Line 0 is the compiler's word for code that belongs to no line.
    if (file == nullptr || dwarf_lineno(line, &found.line) != 0 || found.line <= 0) return std::nullopt;
    found.file = file;
    return found;
}

} // namespace stakeout
