// An ELF file's symbols, sorted for look-ups both ways.
#pragma once

#include "watchpoints/target/elf_file.h"
#include "watchpoints/target/elf_image.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace stakeout {

class ElfSymbols {
  public:
    // Adds a file's .symtab and .dynsym. The file must outlive this object: names point into it.
    void add(const ElfFile& file);
    void sort(); // after the last add()

    [[nodiscard]] std::vector<ElfSymbol> find(std::string_view name) const;
    [[nodiscard]] std::optional<ElfSymbol> containing(std::uint64_t address) const;
    [[nodiscard]] std::vector<std::string> nearest(std::string_view name, std::size_t limit) const;

  private:
    struct Entry {
        std::uint64_t address = 0;
        std::uint64_t size = 0;
        std::uint64_t reach = 0; // where it ends at the latest, its section's end, for those without a size
        const char* name = nullptr; // a version ("@GLIBC_2.2.5") may follow
        std::uint8_t rank = 0;      // of several at one address the highest is shown
        bool is_data = false, is_text = false, is_thread_local = false;
        [[nodiscard]] std::string_view plain_name() const;
    };
    static ElfSymbol symbol(const Entry& entry);
    template <class Matches>
    [[nodiscard]] std::vector<ElfSymbol> matching(const Matches& matches) const;

    std::vector<Entry> entries_; // by address, the best of one address first
};

} // namespace stakeout
