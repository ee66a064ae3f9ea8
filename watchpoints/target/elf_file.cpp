#include "watchpoints/target/elf_file.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace stakeout {
namespace {

Error no_elf(const std::string& path, const char* cause) { return internal_error("read " + path, cause); }

} // namespace

Result<std::unique_ptr<ElfFile>> ElfFile::open(const std::string& path) {
    std::unique_ptr<ElfFile> file(new ElfFile); // NOLINT: the constructor is private
    elf_version(EV_CURRENT);
    // O_NONBLOCK: a fifo under the name of a library must not make us wait.
    file->fd_ = OwnedFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file->fd_) return internal_error("open " + path, "the file cannot be read", errno);
    file->elf_.reset(elf_begin(file->fd(), ELF_C_READ, nullptr));
    if (!file->elf_ || elf_kind(file->elf()) != ELF_K_ELF) return no_elf(path, "it is not an ELF file");
    if (gelf_getehdr(file->elf(), &file->header_) == nullptr)
        return no_elf(path, "its ELF header is damaged");
    if (gelf_getclass(file->elf()) != ELFCLASS64 || file->header_.e_machine != EM_X86_64)
        return no_elf(path, "it is not a 64-bit x86 ELF file");

    std::size_t count = 0;
    if (elf_getphdrnum(file->elf(), &count) == 0)
        for (std::size_t i = 0; i < count; ++i)
            if (GElf_Phdr segment; gelf_getphdr(file->elf(), static_cast<int>(i), &segment) != nullptr)
                file->segments_.push_back(segment);
    std::size_t names = 0;
    if (elf_getshdrstrndx(file->elf(), &names) != 0) names = 0;
    for (Elf_Scn* handle = elf_nextscn(file->elf(), nullptr); handle != nullptr;
         handle = elf_nextscn(file->elf(), handle)) {
        Section section{.handle = handle, .header = {}, .name = {}};
        if (gelf_getshdr(handle, &section.header) == nullptr) continue;
        const char* name = elf_strptr(file->elf(), names, section.header.sh_name);
        section.name = name != nullptr ? name : "";
        file->sections_.push_back(section);
    }
    return file;
}

const ElfFile::Section* ElfFile::section(std::string_view name) const {
    const auto found = std::find_if(sections_.begin(), sections_.end(),
                                    [&](const Section& section) { return section.name == name; });
    return found == sections_.end() ? nullptr : &*found;
}

std::string_view ElfFile::contents(const Section& section) const {
    if (section.header.sh_type == SHT_NOBITS) return {};
    const Elf_Data* data = elf_getdata(section.handle, nullptr);
    if (data == nullptr || data->d_buf == nullptr) return {};
    return {static_cast<const char*>(data->d_buf), data->d_size};
}

void ElfFile::each_symbol(const Section& table,
                          const std::function<void(const char* name, const GElf_Sym& symbol)>& visit) const {
    Elf_Data* data = elf_getdata(table.handle, nullptr);
    if (data == nullptr || data->d_buf == nullptr) return;
    const std::size_t count = data->d_size / sizeof(Elf64_Sym);
    for (std::size_t i = 0; i < count; ++i) {
        GElf_Sym symbol;
        if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) return;
        const char* name = elf_strptr(elf(), table.header.sh_link, symbol.st_name);
        if (name != nullptr && *name != '\0') visit(name, symbol);
    }
}

std::string ElfFile::build_id() const {
    constexpr std::string_view owner("GNU\0", 4);
    constexpr std::string_view digits = "0123456789abcdef";
    for (const Section& section : sections_) {
        if (section.header.sh_type != SHT_NOTE) continue;
        Elf_Data* data = elf_getdata(section.handle, nullptr);
        if (data == nullptr || data->d_buf == nullptr) continue;
        GElf_Nhdr note;
        std::size_t name = 0, content = 0;
        for (std::size_t at = 0; (at = gelf_getnote(data, at, &note, &name, &content)) > 0;) {
            const std::string_view all(static_cast<const char*>(data->d_buf), data->d_size);
            if (note.n_type != NT_GNU_BUILD_ID || all.substr(name, note.n_namesz) != owner) continue;
            std::string text;
            for (const char c : all.substr(content, note.n_descsz)) {
                text += digits[static_cast<unsigned char>(c) >> 4];
                text += digits[static_cast<unsigned char>(c) & 15];
            }
            return text;
        }
    }
    return {};
}

std::optional<ElfFile::DebugLink> ElfFile::debug_link() const {
    const Section* link = section(".gnu_debuglink");
    if (link == nullptr) return std::nullopt;
    const std::string_view all = contents(*link); // name, zero byte, padding to four, CRC
    DebugLink found;
    if (all.size() < 8) return std::nullopt;
    found.name = all.substr(0, all.find('\0'));
    if (found.name.empty() || found.name.find('/') != std::string::npos) return std::nullopt;
    std::memcpy(&found.crc, all.data() + all.size() - sizeof found.crc, sizeof found.crc);
    return found;
}

} // namespace stakeout
