#include "watchpoints/target/kernel_symbol_table.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <functional>
#include <limits>

namespace stakeout {
namespace {

constexpr std::size_t max_texts = std::numeric_limits<std::uint8_t>::max();

bool by_address(const auto& a, const auto& b) { return a.address < b.address; }

} // namespace

std::uint16_t KernelSymbols::Table::module_index(std::string_view module) {
    if (const auto known = module_indices_.find(module); known != module_indices_.end()) return known->second;
    if (modules.size() > std::numeric_limits<std::uint16_t>::max()) return 0;
    const auto index = static_cast<std::uint16_t>(modules.size());
    modules.emplace_back(module);
    module_indices_.emplace(std::string(module), index);
    return index;
}

// "ffffffff81000000 T _text" or "ffffffffc0203000 t ftrace_trampoline\t[__builtin__ftrace]"
bool KernelSymbols::Table::take_line(std::string_view line, Entry& entry, std::string_view& its_name) {
    const char* const end = line.data() + line.size();
    const auto [rest, error] = std::from_chars(line.data(), end, entry.address, 16);
    if (error != std::errc{} || end - rest < 4 || rest[0] != ' ' || rest[2] != ' ') return false;
    entry.type = rest[1];
    its_name = std::string_view(rest + 3, static_cast<std::size_t>(end - rest - 3));
    entry.module = 0;
    if (const std::size_t tab = its_name.find('\t'); tab != std::string_view::npos) {
        std::string_view module = its_name.substr(tab + 1);
        its_name = its_name.substr(0, tab);
        if (module.starts_with('[') && module.ends_with(']')) module = module.substr(1, module.size() - 2);
        entry.module = module_index(module);
    }
    return !its_name.empty();
}

void KernelSymbols::Table::add_text(std::string text) {
    if (texts.size() >= max_texts || text.size() > std::numeric_limits<std::uint32_t>::max()) return;
    entries.reserve(entries.size() + static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) +
                    1);
    const auto text_index = static_cast<std::uint8_t>(texts.size());
    std::size_t kept =
        0; // a name and its zero byte always fit where their line was: an address stood before it
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        Entry entry;
        std::string_view its_name;
        if (take_line(std::string_view(text).substr(at, end - at), entry, its_name)) {
            entry.name = static_cast<std::uint32_t>(kept);
            entry.text = text_index;
            std::memmove(text.data() + kept, its_name.data(), its_name.size());
            kept += its_name.size();
            text[kept++] = '\0';
            entries.push_back(entry);
        }
        at = end + 1;
    }
    text.resize(kept);
    text.shrink_to_fit();
    texts.push_back(std::move(text));
    sort();
}

void KernelSymbols::Table::add(const KernelSymbol& symbol, std::uint64_t address) {
    if (texts.size() >= max_texts) return;
    Entry entry;
    entry.address = address;
    entry.name = static_cast<std::uint32_t>(additions_.size());
    entry.module = module_index(symbol.module);
    entry.type = symbol.type;
    entry.text = static_cast<std::uint8_t>(texts.size());
    additions_ += symbol.name;
    additions_ += '\0';
    entries.push_back(entry);
}

void KernelSymbols::Table::end_of_additions() {
    if (additions_.empty()) return;
    additions_.shrink_to_fit();
    texts.push_back(std::move(additions_));
    additions_.clear();
    sort();
}

void KernelSymbols::Table::sort() {
    const auto less = [](const Entry& a, const Entry& b) { return by_address(a, b); };
    // The kernel lists its own symbols in order; only modules and additions are out of it.
    if (!std::is_sorted(entries.begin(), entries.end(), less))
        std::stable_sort(entries.begin(), entries.end(), less);
    const std::scoped_lock lock(by_name_lock_);
    by_name_.clear();
}

KernelSymbols::Table::Entries::const_iterator KernelSymbols::Table::first_after(std::uint64_t address) const {
    return std::upper_bound(entries.begin(), entries.end(), address,
                            [](std::uint64_t a, const Entry& entry) { return a < entry.address; });
}

std::vector<std::uint32_t> KernelSymbols::Table::with_name(std::string_view wanted) const {
    const std::hash<std::string_view> hash;
    const std::scoped_lock lock(by_name_lock_);
    if (by_name_.empty()) {
        by_name_.assign(std::bit_ceil(entries.size() * 3 / 2 + 1), 0);
        for (std::size_t i = 0; i < entries.size(); ++i) {
            std::size_t place = hash(name(entries[i])) & (by_name_.size() - 1);
            while (by_name_[place] != 0) place = (place + 1) & (by_name_.size() - 1);
            by_name_[place] = static_cast<std::uint32_t>(i + 1);
        }
    }
    std::vector<std::uint32_t> found;
    const std::size_t mask = by_name_.size() - 1;
    for (std::size_t place = hash(wanted) & mask; by_name_[place] != 0; place = (place + 1) & mask)
        if (name(entries[by_name_[place] - 1]) == wanted) found.push_back(by_name_[place] - 1);
    std::sort(found.begin(), found.end());
    return found;
}

KernelSymbol KernelSymbols::Table::symbol(const Entry& entry) const {
    return {
        .address = entry.address, .name = name(entry), .module = modules[entry.module], .type = entry.type};
}

} // namespace stakeout
