// The table is made for size and for one pass: the text's names are moved together inside the text itself,
// and an entry has 16 bytes. 122,000 symbols take 5 MB, and a further megabyte once a name has been looked
// up.
#include "watchpoints/target/kernel_symbols.h"

#include "base/near_names.h"
#include "base/text_file.h"
#include "watchpoints/target/kernel_symbol_table.h"

#include <algorithm>
#include <cstring>

namespace stakeout {
namespace {

constexpr std::uint64_t end_slack = 1024ULL * 1024;

bool same_half(std::uint64_t a, std::uint64_t b) { return (a >> 63) == (b >> 63); }

} // namespace

KernelSymbols::KernelSymbols() : table_(std::make_unique<Table>()) {}
KernelSymbols::~KernelSymbols() = default;

std::unique_ptr<KernelSymbols> KernelSymbols::parse(std::string text) {
    std::unique_ptr<KernelSymbols> symbols(new KernelSymbols); // NOLINT: the constructor is private
    symbols->table_->add_text(std::move(text));
    return symbols;
}

void KernelSymbols::add_text(std::string text) { table_->add_text(std::move(text)); }

Result<std::unique_ptr<KernelSymbols>> KernelSymbols::load() {
    const std::string tried = "read the kernel's symbols from /proc/kallsyms";
    auto text = read_text_file("/proc/kallsyms");
    if (!text)
        return arm_error(tried, "the file cannot be read", "run stakeout as root", text.error().errno_value);
    auto symbols = parse(std::move(*text));
    const auto& entries = symbols->table_->entries;
    if (entries.empty())
        return arm_error(tried, "it holds no symbols", "name addresses instead: 0xffff888000001000");
    const bool hidden =
        std::all_of(entries.begin(), entries.end(), [](const auto& e) { return e.address == 0; });
    if (hidden)
        return arm_error(
            tried, "this kernel hides the addresses of its symbols (kernel.kptr_restrict)",
            "run stakeout as root, or with CAP_SYSLOG where kernel.kptr_restrict is 1, or set it to 0");
    return symbols;
}

std::vector<KernelSymbol> KernelSymbols::find(std::string_view name) const {
    std::optional<std::string_view> module;
    if (const std::size_t colon = name.find(':'); colon != std::string_view::npos) {
        module = name.substr(0, colon);
        if (*module == "vmlinux") module = std::string_view();
        name.remove_prefix(colon + 1);
    }
    std::vector<KernelSymbol> found;
    for (const std::uint32_t index : table_->with_name(name)) {
        const KernelSymbol symbol = table_->symbol(table_->entries[index]);
        if (!module || symbol.module == *module) found.push_back(symbol);
    }
    return found;
}

std::optional<KernelSymbol> KernelSymbols::containing(std::uint64_t address) const {
    const auto& entries = table_->entries;
    const auto after = table_->first_after(address);
    if (after == entries.begin()) return std::nullopt;
    const auto last = std::prev(after);
    const std::uint64_t distance = address - last->address;
    const bool is_end =
        after == entries.end() || after->module != last->module || !same_half(last->address, after->address);
    if ((is_end && distance > end_slack) || !same_half(last->address, address)) return std::nullopt;

    const auto rank = [this](const auto& entry) {
        const bool internal = table_->name(entry).starts_with("__");
        const bool global = entry.type >= 'A' && entry.type <= 'Z';
        return (internal ? 0 : 2) + (global ? 1 : 0);
    };
    auto best = last;
    for (auto other = last; other->address == last->address; --other) {
        if (rank(*other) >= rank(*best)) best = other;
        if (other == entries.begin()) break;
    }
    return table_->symbol(*best);
}

std::optional<std::uint64_t> KernelSymbols::next_start(std::uint64_t address) const {
    const auto after = table_->first_after(address);
    if (after == table_->entries.end()) return std::nullopt;
    return after->address;
}

std::vector<std::string> KernelSymbols::nearest(std::string_view name, std::size_t limit) const {
    NearNames near(name.substr(name.find(':') == std::string_view::npos ? 0 : name.find(':') + 1), limit);
    for (const auto& entry : table_->entries) near.consider(table_->name(entry));
    return std::move(near).take();
}

std::size_t KernelSymbols::data_symbols() const {
    constexpr std::string_view data = "dDbBrR";
    return static_cast<std::size_t>(
        std::count_if(table_->entries.begin(), table_->entries.end(),
                      [&](const auto& entry) { return data.find(entry.type) != std::string_view::npos; }));
}

std::size_t KernelSymbols::size() const { return table_->entries.size(); }

} // namespace stakeout
