#include "xen-bridge/guest/page_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace stakeout {
namespace {

constexpr std::uint64_t present = 1U << 0, writable = 1U << 1, user = 1U << 2, large = 1U << 7;
constexpr std::uint64_t no_execute = 1ULL << 63;
constexpr std::uint64_t frame_bits = 0x000f'ffff'ffff'f000ULL; // bits 51..12
constexpr std::size_t entry_bytes = 8;

// Where the level's index begins in an address.
int shift_of(int level) { return 12 + 9 * (level - 1); }

std::string_view level_name(int level) {
    static constexpr std::array<std::string_view, 6> names{
        "", "page table", "page directory", "page-directory-pointer table", "PML4", "PML5"};
    return names.at(static_cast<std::size_t>(std::clamp(level, 0, 5)));
}

// One entry, copied. False: the table's frame cannot be mapped.
bool entry_of(GuestFrames& frames, std::uint64_t table, std::uint64_t index, std::uint64_t& entry) {
    const auto bytes = frames.frame(table);
    if (bytes.size() < guest_page_bytes) return false;
    std::memcpy(&entry, bytes.data() + index * entry_bytes, entry_bytes);
    return true;
}

// The frame of the address's own 4096 bytes, in a page of level 1, 2 or 3.
GuestPage page_of(std::uint64_t entry, int level, std::uint64_t address) {
    GuestPage page;
    page.mapping_bytes = 1ULL << shift_of(level);
    const std::uint64_t base =
        entry & frame_bits & ~(page.mapping_bytes - 1); // bit 12 of a large page is PAT
    page.frame = (base + (address & (page.mapping_bytes - 1))) / guest_page_bytes;
    return page;
}

} // namespace

bool is_canonical(std::uint64_t address, int levels) {
    const int top = shift_of(levels) + 9 - 1; // 47 or 56
    const std::uint64_t upper = address >> top;
    return upper == 0 || upper == (~0ULL >> top);
}

std::uint64_t WalkEnd::covered_bytes() const {
    return level >= 1 && level <= 5 ? 1ULL << shift_of(level) : guest_page_bytes;
}

WalkEnd walk_to_end(GuestFrames& frames, const PageTables& tables, std::uint64_t address) {
    WalkEnd end;
    end.level = tables.levels;
    end.table = tables.root;
    if ((tables.levels != 4 && tables.levels != 5) || !is_canonical(address, tables.levels)) return end;
    bool may_write = true, may_user = true, may_execute = true;
    for (;; --end.level) {
        const std::uint64_t index = (address >> shift_of(end.level)) & 511;
        if (!entry_of(frames, end.table, index, end.entry)) {
            end.kind = WalkEnd::Kind::NoTable;
            return end;
        }
        if ((end.entry & present) == 0) {
            end.kind = WalkEnd::Kind::NotPresent;
            return end;
        }
        may_write = may_write && (end.entry & writable) != 0;
        may_user = may_user && (end.entry & user) != 0;
        may_execute = may_execute && (end.entry & no_execute) == 0;
        const bool is_large = end.level > 1 && (end.entry & large) != 0;
        if (is_large && end.level > 3) {
            end.kind = WalkEnd::Kind::Reserved;
            return end;
        }
        if (end.level == 1 || is_large) break;
        end.table = (end.entry & frame_bits) / guest_page_bytes;
    }
    end.page = page_of(end.entry, end.level, address);
    end.page.writable = may_write;
    end.page.user = may_user;
    end.page.executable = may_execute;
    end.kind = WalkEnd::Kind::Mapped;
    return end;
}

Error walk_error(const WalkEnd& end, std::uint64_t address) {
    std::string cause;
    switch (end.kind) {
    case WalkEnd::Kind::NotCanonical:
        cause = "it is not canonical: no page table of the guest can map it";
        break;
    case WalkEnd::Kind::NotPresent:
        cause = fmt::format("its {} entry (level {}, table in frame {:#x}) is not present: {:#x}",
                            level_name(end.level), end.level, end.table, end.entry);
        break;
    case WalkEnd::Kind::NoTable:
        cause = fmt::format("its {} (level {}) lies in frame {:#x}, which cannot be mapped",
                            level_name(end.level), end.level, end.table);
        break;
    case WalkEnd::Kind::Reserved:
        cause = fmt::format("its {} entry (level {}, table in frame {:#x}) is none that a CPU accepts: {:#x}",
                            level_name(end.level), end.level, end.table, end.entry);
        break;
    case WalkEnd::Kind::Mapped:
        cause = "it is mapped";
        break;
    }
    return arm_error(
        fmt::format("translate the guest's address {:#x}", address), std::move(cause),
        end.kind == WalkEnd::Kind::NotPresent
            ? "the guest maps nothing there now: check the address, and whose page tables are meant"
            : "");
}

Result<GuestPage> walk(GuestFrames& frames, const PageTables& tables, std::uint64_t address) {
    const WalkEnd end = walk_to_end(frames, tables, address);
    if (!end.mapped()) return walk_error(end, address);
    return end.page;
}

} // namespace stakeout
