// Address -> source line, from an ELF file's DWARF.
#pragma once

#include "watchpoints/target/elf_file.h"
#include "watchpoints/target/elf_image.h"

#include <elfutils/libdw.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace stakeout {

class SourceLines {
  public:
    // Does the file have what is needed, in a size that can be held in memory?
    static bool present_in(const ElfFile& file);
    // The file must outlive this object.
    explicit SourceLines(const ElfFile& file);

    [[nodiscard]] std::optional<SourceLine> at(std::uint64_t address) const;

  private:
    struct End {
        void operator()(Dwarf* dwarf) const { dwarf_end(dwarf); }
    };
    struct Range {
        std::uint64_t start = 0, end = 0;
        Dwarf_Off unit = 0;
    };
    std::unique_ptr<Dwarf, End> dwarf_;
    // Of all compilation units, sorted. Our own, not .debug_aranges, which Clang does not write.
    std::vector<Range> ranges_;
};

} // namespace stakeout
