#include "watchpoints/target/elf_image.h"

#include "watchpoints/target/debug_file.h"
#include "watchpoints/target/elf_file.h"
#include "watchpoints/target/elf_symbols.h"
#include "watchpoints/target/source_lines.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>

namespace stakeout {

struct ElfImage::State {
    std::string path;
    std::unique_ptr<ElfFile> file;

    // Each of these is loaded when it is first asked for.
    std::once_flag debug_once, symbols_once, build_id_once;
    BuildId build_id;
    std::unique_ptr<ElfFile> debug; // separate debug information; null: none
    ElfSymbols symbols;
    // Lines have a handle of their own on the debug file: symbols live as long as the image, lines are given
    // back when nobody has asked for a while (forget_lines).
    bool lines_tried = false;
    std::unique_ptr<ElfFile> lines_debug;
    std::unique_ptr<SourceLines> lines; // null: no DWARF

    const ElfFile* debug_file() {
        std::call_once(debug_once, [this] { debug = find_debug_file(*file, path); });
        return debug.get();
    }
    const ElfSymbols& all_symbols() {
        std::call_once(symbols_once, [this] {
            symbols.add(*file);
            if (file->section(".symtab") == nullptr && debug_file() != nullptr) symbols.add(*debug_file());
            symbols.sort();
        });
        return symbols;
    }
    const SourceLines* all_lines() {
        if (lines_tried) return lines.get();
        lines_tried = true;
        if (SourceLines::present_in(*file)) {
            lines = std::make_unique<SourceLines>(*file);
            return lines.get();
        }
        lines_debug = find_debug_file(*file, path);
        if (lines_debug && SourceLines::present_in(*lines_debug))
            lines = std::make_unique<SourceLines>(*lines_debug);
        return lines.get();
    }
};

namespace {

constexpr std::uint64_t page_bytes = 4096;

std::uint64_t page_floor(std::uint64_t offset) { return offset & ~(page_bytes - 1); }

bool has_pie_flag(const ElfFile& file) {
    for (const ElfFile::Section& section : file.sections()) {
        if (section.header.sh_type != SHT_DYNAMIC) continue;
        Elf_Data* data = elf_getdata(section.handle, nullptr);
        GElf_Dyn entry;
        for (int i = 0; data != nullptr && gelf_getdyn(data, i, &entry) != nullptr && entry.d_tag != DT_NULL;
             ++i)
            if (entry.d_tag == DT_FLAGS_1) return (entry.d_un.d_val & DF_1_PIE) != 0;
    }
    return false;
}

} // namespace

ElfImage::ElfImage() : state_(std::make_unique<State>()) {}
ElfImage::~ElfImage() = default;

Result<std::unique_ptr<ElfImage>> ElfImage::open(const std::string& path) {
    auto file = ElfFile::open(path);
    if (!file) return std::move(file).error();
    std::unique_ptr<ElfImage> image(new ElfImage); // NOLINT: the constructor is private
    image->state_->path = path;
    image->state_->file = std::move(*file);
    return image;
}

std::vector<ElfSymbol> ElfImage::find(std::string_view name) const {
    return state_->all_symbols().find(name);
}

std::optional<ElfSymbol> ElfImage::containing(std::uint64_t address) const {
    return state_->all_symbols().containing(address);
}

std::vector<std::string> ElfImage::nearest(std::string_view name, std::size_t limit) const {
    return state_->all_symbols().nearest(name, limit);
}

std::optional<SourceLine> ElfImage::line_of(std::uint64_t address) const {
    const SourceLines* lines = state_->all_lines();
    return lines != nullptr ? lines->at(address) : std::nullopt;
}

const BuildId& ElfImage::build_id() const {
    std::call_once(state_->build_id_once,
                   [this] { state_->build_id = BuildId::from_hex(state_->file->build_id()); });
    return state_->build_id;
}

void ElfImage::forget_lines() const {
    state_->lines.reset();
    state_->lines_debug.reset();
    state_->lines_tried = false;
}

std::size_t ElfImage::read(std::uint64_t address, std::span<std::uint8_t> into) const {
    for (const GElf_Phdr& segment : state_->file->segments()) {
        if (segment.p_type != PT_LOAD || address < segment.p_vaddr ||
            address - segment.p_vaddr >= segment.p_filesz)
            continue;
        const std::uint64_t within = address - segment.p_vaddr;
        const std::size_t wanted = std::min<std::uint64_t>(into.size(), segment.p_filesz - within);
        std::size_t got = 0;
        while (got < wanted) {
            const ssize_t part = ::pread(state_->file->fd(), into.data() + got, wanted - got,
                                         static_cast<off_t>(segment.p_offset + within + got));
            if (part < 0 && errno == EINTR) continue;
            if (part <= 0) break;
            got += static_cast<std::size_t>(part);
        }
        return got;
    }
    return 0;
}

std::optional<std::uint64_t> ElfImage::address_of_offset(std::uint64_t file_offset) const {
    // Two segments often share a page of the file, which is then mapped twice. A mapping begins with the page
    // of its segment's beginning, so the later segment is meant.
    const GElf_Phdr* meant = nullptr;
    for (const GElf_Phdr& segment : state_->file->segments()) {
        if (segment.p_type != PT_LOAD || file_offset < page_floor(segment.p_offset)) continue;
        if (file_offset >= page_floor(segment.p_offset + segment.p_filesz + page_bytes - 1)) continue;
        if (meant == nullptr || segment.p_offset >= meant->p_offset) meant = &segment;
    }
    if (meant == nullptr) return std::nullopt;
    return meant->p_vaddr - meant->p_offset + file_offset;
}

bool ElfImage::has_copy_relocation(std::string_view name) const {
    const ElfFile& file = *state_->file;
    for (const ElfFile::Section& section : file.sections()) {
        if (section.header.sh_type != SHT_RELA || section.header.sh_link == 0 ||
            section.header.sh_link > file.sections().size())
            continue;
        const ElfFile::Section& symbols = file.sections()[section.header.sh_link - 1];
        Elf_Data* relocations = elf_getdata(section.handle, nullptr);
        Elf_Data* table = elf_getdata(symbols.handle, nullptr);
        if (symbols.header.sh_type != SHT_DYNSYM || relocations == nullptr || table == nullptr) continue;
        GElf_Rela relocation;
        for (int i = 0; gelf_getrela(relocations, i, &relocation) != nullptr; ++i) {
            GElf_Sym symbol;
            if (GELF_R_TYPE(relocation.r_info) != R_X86_64_COPY) continue;
            if (gelf_getsym(table, static_cast<int>(GELF_R_SYM(relocation.r_info)), &symbol) == nullptr)
                continue;
            const char* its_name = elf_strptr(file.elf(), symbols.header.sh_link, symbol.st_name);
            if (its_name != nullptr && name == its_name) return true;
        }
    }
    return false;
}

std::uint64_t ElfImage::entry() const { return state_->file->header().e_entry; }

bool ElfImage::is_executable() const {
    const ElfFile& file = *state_->file;
    if (file.header().e_type == ET_EXEC) return true;
    if (file.header().e_type != ET_DYN) return false;
    const bool has_interpreter =
        std::any_of(file.segments().begin(), file.segments().end(),
                    [](const GElf_Phdr& segment) { return segment.p_type == PT_INTERP; });
    return has_interpreter || has_pie_flag(file);
}

} // namespace stakeout
