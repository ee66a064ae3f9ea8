#include "watchpoints/target/code_ranges.h"

#include "base/near_names.h"
#include "watchpoints/target/process_maps.h"
#include "watchpoints/target/process_symbols.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

namespace stakeout {
namespace {

// What GCC and Clang append to the names of a function's clones and of its unlikely part.
constexpr std::array<std::string_view, 8> suffixes{
    "", ".cold", ".isra.0", ".isra.0.cold", ".part.0", ".part.0.cold", ".constprop.0", ".constprop.0.cold"};

std::vector<CodeRange> in_kernel(const KernelSymbols& symbols, std::string_view name) {
    std::vector<CodeRange> ranges;
    for (const std::string_view suffix : suffixes)
        for (const KernelSymbol& symbol : symbols.find(std::string(name) + std::string(suffix)))
            if (symbol.is_text())
                ranges.push_back(
                    {symbol.address, symbols.next_start(symbol.address).value_or(symbol.address + 1)});
    return ranges;
}

} // namespace

Result<const KernelSymbols*> CodeRanges::kernel() {
    if (symbols_ == nullptr) {
        auto loaded = KernelSymbols::load();
        if (!loaded) return std::move(loaded).error();
        symbols_ = std::move(*loaded);
    }
    return symbols_.get();
}

Result<std::vector<CodeRange>> CodeRanges::find(std::string_view name) {
    std::vector<CodeRange> ranges;
    const std::size_t colon = name.rfind(':');
    const std::string module(colon == std::string_view::npos ? "" : name.substr(0, colon));
    const std::string plain(colon == std::string_view::npos ? name : name.substr(colon + 1));
    std::vector<std::string> of_process; // near names
    if (pid_) {
        auto maps = ProcessMaps::read(*pid_);
        if (!maps) return std::move(maps).error();
        ranges = find_process_functions(*pid_, module, plain, *maps);
        if (ranges.empty()) of_process = near_process_names(*pid_, module, plain, *maps);
    }
    auto symbols = kernel();
    if (!symbols && ranges.empty()) return std::move(symbols).error();
    if (symbols)
        for (const CodeRange& range : in_kernel(**symbols, name)) ranges.push_back(range);
    if (!ranges.empty()) return ranges;
    std::string remedy =
        "functions that the compiler has inlined have no text of their own: name their caller";
    NearNames near(plain, 4);
    for (const std::string& one : of_process) near.consider(one);
    if (symbols)
        for (const std::string& one : (*symbols)->nearest(plain)) near.consider(one);
    if (const auto names = std::move(near).take(); !names.empty())
        remedy = fmt::format("near names: {}; {}", fmt::join(names, ", "), remedy);
    return usage_error(fmt::format("find the function '{}'", name),
                       pid_ ? "neither the process nor the kernel has a function of that name"
                            : "the kernel has no function of that name",
                       remedy);
}

Result<std::vector<CodeRange>> CodeRanges::find_all(std::string_view names) {
    std::vector<CodeRange> all;
    while (!names.empty()) {
        const std::size_t comma = names.find(',');
        const std::string_view one = names.substr(0, comma);
        names.remove_prefix(comma == std::string_view::npos ? names.size() : comma + 1);
        if (one.empty()) continue;
        auto ranges = find(one);
        if (!ranges) return ranges;
        all.insert(all.end(), ranges->begin(), ranges->end());
    }
    return all;
}

} // namespace stakeout
