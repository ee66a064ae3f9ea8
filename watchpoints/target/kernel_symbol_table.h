// The storage behind KernelSymbols.
#pragma once

#include "watchpoints/target/kernel_symbols.h"

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

struct KernelSymbols::Table {
    struct Entry {
        std::uint64_t address = 0;
        std::uint32_t name = 0;   // where in its text; ends with a zero byte
        std::uint16_t module = 0; // index into modules
        char type = '?';
        std::uint8_t text = 0; // index into texts
    };
    static_assert(sizeof(Entry) == 16);
    using Entries = std::vector<Entry>;

    // Parses a text in kallsyms' (or System.map's) format; lines that are none are passed over.
    void add_text(std::string text);
    // Takes over one symbol after another of a second table; end_of_additions() then restores the order.
    void add(const KernelSymbol& symbol, std::uint64_t address);
    void end_of_additions();

    [[nodiscard]] Entries::const_iterator first_after(std::uint64_t address) const;
    [[nodiscard]] std::vector<std::uint32_t> with_name(std::string_view wanted) const; // indices, by address
    [[nodiscard]] std::string_view name(const Entry& entry) const {
        return texts[entry.text].data() + entry.name;
    }
    [[nodiscard]] KernelSymbol symbol(const Entry& entry) const;

    Entries entries;               // sorted by address
    std::deque<std::string> texts; // their places are fixed: symbols point into them
    std::deque<std::string> modules{""};

  private:
    std::uint16_t module_index(std::string_view module);
    bool take_line(std::string_view line, Entry& entry, std::string_view& its_name);
    void sort();

    std::map<std::string, std::uint16_t, std::less<>> module_indices_{{"", 0}};
    std::string additions_;
    // Open addressing; 0 is empty, else index + 1. Built at the first look-up of a name.
    mutable std::mutex by_name_lock_;
    mutable std::vector<std::uint32_t> by_name_;
};

} // namespace stakeout
