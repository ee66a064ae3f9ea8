// The kernel's symbols: /proc/kallsyms, modules included. Where it has no data symbols (KALLSYMS_ALL=n) a
// System.map or a vmlinux fills in, moved by the KASLR offset, which one text symbol known to both tells.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

struct KernelSymbol {
    std::uint64_t address = 0;
    std::string_view name;   // points into the table
    std::string_view module; // empty: the kernel itself
    char type = '?';         // as nm(1): t T text, d D data, b B bss, r R read-only, a A absolute
    [[nodiscard]] bool is_text() const { return type == 't' || type == 'T' || type == 'w' || type == 'W'; }
};

class KernelSymbols {
  public:
    // Reads /proc/kallsyms. Error (CannotArm): it cannot be read, or all addresses are zero (kptr_restrict).
    static Result<std::unique_ptr<KernelSymbols>> load();
    // From a text in kallsyms' format; for tests and for other machines' tables.
    static std::unique_ptr<KernelSymbols> parse(std::string text);
    // Every symbol of a System.map or an ELF vmlinux, where the file has it: of a kernel that is not this
    // one. Error (CannotArm): unreadable, or no kernel's (Debian's System.map is a line that names the real
    // one).
    static Result<std::unique_ptr<KernelSymbols>> read_file(const std::string& path);
    // The same symbols, moved by a KASLR offset; small addresses (offsets into the per-CPU areas) stay.
    [[nodiscard]] std::unique_ptr<KernelSymbols> moved(std::uint64_t by) const;

    // Adds a text in the same format (modules, that are not in the kernel's own tables).
    void add_text(std::string text);
    // Adds the data symbols of a System.map or an ELF vmlinux, moved by the KASLR offset. Error (CannotArm):
    // the file is unreadable, or shares no text symbol with the running kernel (another kernel's file: more
    // than one text symbol must agree on the offset).
    Status add_file(const std::string& path);
    // The usual places: /boot/System.map-RELEASE, /boot/vmlinux-RELEASE, /usr/lib/debug/boot/..., build
    // folders.
    [[nodiscard]] static std::vector<std::string> usual_files();

    // Every symbol with that name; "MODULE:NAME" narrows to a module ("vmlinux:NAME" to the kernel itself).
    [[nodiscard]] std::vector<KernelSymbol> find(std::string_view name) const;
    // The symbol that holds an address: the last one at or before it. Of several at one address, a global
    // name without a leading double underscore is preferred. Addresses beyond the end of a module's or the
    // kernel's last symbol (by more than 1 MiB) have none.
    [[nodiscard]] std::optional<KernelSymbol> containing(std::uint64_t address) const;
    // The first address after `address` at which another symbol begins, absent at the end of the table.
    [[nodiscard]] std::optional<std::uint64_t> next_start(std::uint64_t address) const;
    // Up to `limit` names nearest to a misspelt one, nearest first.
    [[nodiscard]] std::vector<std::string> nearest(std::string_view name, std::size_t limit = 3) const;
    // How many symbols are data: about none where KALLSYMS_ALL is not set.
    [[nodiscard]] std::size_t data_symbols() const;
    // Is this a table without data symbols? Such kernels list some 70 all the same, others tens of thousands.
    [[nodiscard]] bool hides_data() const { return data_symbols() < 1000; }
    [[nodiscard]] std::size_t size() const;

    KernelSymbols(const KernelSymbols&) = delete;
    KernelSymbols& operator=(const KernelSymbols&) = delete;
    ~KernelSymbols();

  private:
    KernelSymbols();
    struct Table;
    std::unique_ptr<Table> table_;
};

} // namespace stakeout
