// An open ELF file, by way of libelf. Read with pread(), not mapped: a file that is overwritten while we look
// at it must not kill us with SIGBUS.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"

#include <gelf.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

class ElfFile {
  public:
    // Error (Internal): unreadable, or no 64-bit x86 ELF file.
    static Result<std::unique_ptr<ElfFile>> open(const std::string& path);

    [[nodiscard]] Elf* elf() const { return elf_.get(); }
    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] const GElf_Ehdr& header() const { return header_; }
    [[nodiscard]] const std::vector<GElf_Phdr>& segments() const { return segments_; }

    struct Section {
        Elf_Scn* handle = nullptr;
        GElf_Shdr header{};
        std::string_view name;
    };
    [[nodiscard]] const std::vector<Section>& sections() const { return sections_; }
    [[nodiscard]] const Section* section(std::string_view name) const;
    // Its contents; empty for .bss and for what the file does not really hold. Valid while this object lives.
    [[nodiscard]] std::string_view contents(const Section& section) const;

    // Each symbol of the section (SHT_SYMTAB or SHT_DYNSYM). Names point into the file's string table.
    void each_symbol(const Section& table,
                     const std::function<void(const char* name, const GElf_Sym& symbol)>& visit) const;
    [[nodiscard]] std::string build_id() const; // lower-case hexadecimal; empty: none
    // .gnu_debuglink: the name of a separate debug file, and its CRC.
    struct DebugLink {
        std::string name;
        std::uint32_t crc = 0;
    };
    [[nodiscard]] std::optional<DebugLink> debug_link() const;

  private:
    ElfFile() = default;
    struct End {
        void operator()(Elf* elf) const { elf_end(elf); }
    };
    OwnedFd fd_;
    std::unique_ptr<Elf, End> elf_; // after fd_: ended before the descriptor is closed
    GElf_Ehdr header_{};
    std::vector<GElf_Phdr> segments_;
    std::vector<Section> sections_;
};

} // namespace stakeout
