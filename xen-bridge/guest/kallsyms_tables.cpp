#include "xen-bridge/guest/kallsyms_tables.h"

#include "xen-bridge/guest/kallsyms_names.h"
#include "xen-bridge/guest/kallsyms_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

namespace stakeout {
namespace {

constexpr std::uint64_t largest_range = 1ULL << 30;
constexpr std::size_t most_candidates = 16;
constexpr std::size_t largest_text = 64U << 20;

std::size_t round_up(std::size_t value, std::size_t to) { return (value + to - 1) / to * to; }

using Addresses = KallsymsTables::Addresses;
struct AddressTable {
    std::vector<std::uint64_t> of_symbol;
    Addresses kind = Addresses::Relative;
};

// Symbols are written in the order of their addresses: the best check there is. A few may be out of order
// (the linker moves some after the list was made).
bool in_order(const std::vector<std::uint64_t>& addresses) {
    std::size_t disorders = 0;
    for (std::size_t i = 1; i < addresses.size(); ++i) disorders += addresses[i] < addresses[i - 1] ? 1 : 0;
    return disorders * 100 <= addresses.size();
}

bool in_kernel_image(std::uint64_t address) { return address >= 0xffff'ffff'8000'0000ULL; }

// Offsets at `offsets`, their base at `base` (both: offsets in the window).
std::optional<AddressTable> with_base(const MemoryWindow& window, std::size_t offsets, std::size_t base,
                                      std::size_t count) {
    if (!window.holds(offsets, 4 * count) || !window.holds(base, 8)) return std::nullopt;
    const auto relative_base = window.number<std::uint64_t>(base);
    if (!in_kernel_image(relative_base)) return std::nullopt;
    bool any_negative = false;
    for (std::size_t i = 0; i < count && !any_negative; ++i)
        any_negative = window.number<std::int32_t>(offsets + 4 * i) < 0;
    AddressTable table;
    table.kind = any_negative ? Addresses::AbsolutePerCpu : Addresses::Relative;
    table.of_symbol.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        const std::int64_t offset = window.number<std::int32_t>(offsets + 4 * i);
        const auto value = static_cast<std::uint64_t>(offset);
        if (!any_negative)
            table.of_symbol.push_back(relative_base + value);
        else
            table.of_symbol.push_back(offset < 0 ? relative_base - 1 - value : value);
    }
    if (!in_order(table.of_symbol)) return std::nullopt;
    return table;
}

// Each offset is relative to where it lies.
std::optional<AddressTable> place_relative(const MemoryWindow& window, std::size_t offsets,
                                           std::size_t count) {
    if (!window.holds(offsets, 4 * count)) return std::nullopt;
    AddressTable table;
    table.kind = Addresses::PlaceRelative;
    table.of_symbol.reserve(count);
    std::size_t outside = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t place = offsets + 4 * i;
        const std::int64_t offset = window.number<std::int32_t>(place);
        table.of_symbol.push_back(window.start() + place + static_cast<std::uint64_t>(offset));
        outside += in_kernel_image(table.of_symbol.back()) ? 0 : 1;
    }
    if (outside * 100 > count || !in_order(table.of_symbol)) return std::nullopt;
    return table;
}

std::string text_of(const KallsymsNames& names, const AddressTable& addresses) {
    std::string text;
    for (std::size_t i = 0; i < names.names.size(); ++i) {
        const std::string_view name = names.names[i];
        fmt::format_to(std::back_inserter(text), "{:016x} {} {}\n", addresses.of_symbol[i], name[0],
                       name.substr(1));
        if (text.size() > largest_text) return {};
    }
    return text;
}

struct Attempt {
    std::optional<KallsymsTables> found;
    std::string failure;
};

Attempt decode_around(const MemoryWindow& window, const KallsymsTokens& tokens) {
    Attempt attempt;
    const auto names = KallsymsNames::before(window, tokens);
    if (!names) {
        attempt.failure = "but no names before it that agree with their markers";
        return attempt;
    }
    const std::size_t count = names->names.size();
    const std::size_t bytes = round_up(4 * count, 8);
    KallsymsTables tables;
    std::optional<AddressTable> addresses;
    if (names->count_at >= bytes + 8)
        addresses = with_base(window, names->count_at - 8 - bytes, names->count_at - 8, count);
    if (!addresses) {
        tables.order = KallsymsTables::Order::OffsetsLast;
        const std::size_t offsets = round_up(window.start() + tokens.end, 8) - window.start();
        addresses = with_base(window, offsets, offsets + bytes, count);
        if (!addresses) addresses = place_relative(window, offsets, count);
    }
    if (!addresses) {
        attempt.failure = fmt::format("and {} names, but no table of their addresses", count);
        return attempt;
    }
    tables.text = text_of(*names, *addresses);
    tables.symbols = count;
    tables.token_table = window.start() + tokens.start;
    tables.addresses = addresses->kind;
    if (tables.text.empty())
        attempt.failure = "and names that are too long for any kernel";
    else
        attempt.found = std::move(tables);
    return attempt;
}

// Memory before and behind the token table that is looked at: first what most kernels need, then what the
// largest do.
struct Reach {
    std::uint64_t before, behind;
};
constexpr std::array<Reach, 2> reaches{{{8U << 20, 3U << 20}, {40U << 20, 16U << 20}}};

// `failure` stays empty when there is no token table at these digits.
Attempt decode_at(const CodeReader& memory, std::uint64_t digits, std::uint64_t start, std::uint64_t end) {
    Attempt attempt;
    for (const Reach& reach : reaches) {
        const std::uint64_t from = digits - start > reach.before ? (digits - reach.before) & ~7ULL : start;
        const std::uint64_t to = end - digits > reach.behind ? digits + reach.behind : end;
        const MemoryWindow window(memory, from, to);
        const auto tokens = KallsymsTokens::at_digits(window, digits - from);
        if (!tokens) break;
        attempt = decode_around(window, *tokens);
        if (attempt.found) break;
        attempt.failure =
            fmt::format("there is a token table at {:#x}, {}", from + tokens->start, attempt.failure);
        if (from == start && to == end) break; // there is no more to look at
    }
    return attempt;
}

} // namespace

Result<KallsymsTables> find_kallsyms(const CodeReader& memory, std::uint64_t start, std::uint64_t end) {
    const std::string tried = "find the symbol tables in the guest kernel's memory";
    const std::string remedy = "name the guest kernel's System.map or vmlinux (--symbols)";
    if (end <= start || end - start > largest_range)
        return arm_error(tried, fmt::format("{:#x}-{:#x} is no kernel image", start, end), remedy);
    std::string failure = "there is no token table: the kernel may have been built without CONFIG_KALLSYMS";
    std::uint64_t from_here = start;
    for (std::size_t candidate = 0; candidate < most_candidates; ++candidate) {
        const auto digits = next_digits(memory, from_here, end);
        if (!digits) break;
        from_here = *digits + 1;
        Attempt attempt = decode_at(memory, *digits, start, end);
        if (attempt.found) return std::move(*attempt.found);
        if (!attempt.failure.empty()) failure = attempt.failure;
    }
    return arm_error(tried, failure, remedy);
}

} // namespace stakeout
