// One ELF file's symbols and lines, by way of elfutils. Addresses are the file's own virtual addresses (as
// linked); the caller adds the load bias.
#pragma once

#include "base/result.h"
#include "watchpoints/target/build_id.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

struct ElfSymbol {
    std::string name;
    std::uint64_t address = 0; // as linked
    std::uint64_t size = 0;    // 0: the file does not say
    bool is_data = false;      // STT_OBJECT, or STT_NOTYPE outside executable sections
    bool is_text = false;
    bool is_thread_local = false;
};

struct SourceLine {
    std::string file;
    int line = 0;
};

class ElfImage {
  public:
    // `path` as seen by us (through /proc/PID/root for another mount namespace). Also looks for separate
    // debug information: /usr/lib/debug/.build-id/xx/yyyy.debug and .gnu_debuglink, on this machine's disks
    // only, never over the network (no debuginfod).
    static Result<std::unique_ptr<ElfImage>> open(const std::string& path);

    [[nodiscard]] std::vector<ElfSymbol>
    find(std::string_view name) const; // .symtab and .dynsym, each address once
    [[nodiscard]] std::optional<ElfSymbol> containing(std::uint64_t address) const;
    [[nodiscard]] std::vector<std::string> nearest(std::string_view name, std::size_t limit = 3) const;
    // Needs DWARF; loaded at the first call.
    [[nodiscard]] std::optional<SourceLine> line_of(std::uint64_t address) const;
    // Gives the DWARF's memory back (libc's takes 45 MB); the next line_of() loads it again.
    void forget_lines() const;
    // Code or data bytes from the file at a linked address; returns how many.
    std::size_t read(std::uint64_t address, std::span<std::uint8_t> into) const;
    // Linked address of a file offset that is mapped by a PT_LOAD segment, and back the load bias of a
    // mapping: bias = mapping start - linked address of (mapping file offset).
    [[nodiscard]] std::optional<std::uint64_t> address_of_offset(std::uint64_t file_offset) const;
    [[nodiscard]] bool
    has_copy_relocation(std::string_view name) const; // R_X86_64_COPY: the executable owns NAME
    [[nodiscard]] const BuildId& build_id() const;
    [[nodiscard]] std::uint64_t entry() const;
    [[nodiscard]] bool is_executable() const; // ET_EXEC, or ET_DYN with PT_INTERP or DF_1_PIE

    ElfImage(const ElfImage&) = delete;
    ElfImage& operator=(const ElfImage&) = delete;
    ~ElfImage();

  private:
    ElfImage();
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace stakeout
