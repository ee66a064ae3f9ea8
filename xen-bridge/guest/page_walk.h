// A guest's page tables, walked as the CPU would: x86-64, four or five levels.
//
// The tables are the guest's and change while they are read: every entry is copied once and judged after
// that, and whatever it says, a walk ends after `levels` steps. Source: Intel SDM volume 3, "4-Level Paging
// and 5-Level Paging"; a PV guest's tables hold machine frames and have the same format (Xen's public
// arch-x86/xen.h).
#pragma once

#include "base/result.h"
#include "xen-bridge/guest/frames.h"

#include <cstdint>

namespace stakeout {

constexpr std::uint64_t guest_page_bytes = 4096;

struct PageTables {
    std::uint64_t root = 0; // frame of the top-level table
    int levels = 4;         // or 5
};

struct GuestPage {
    std::uint64_t frame = 0;            // of the 4096 bytes that hold the address, in a large page too
    std::uint64_t mapping_bytes = 4096; // 4 KiB, 2 MiB, 1 GiB
    // Every level agrees. A PV guest's kernel runs in ring 3: its own pages are `user` too.
    bool writable = false, user = false, executable = false;
};

// How a walk ended; cheap, for the many walks that are only a question ("is anything mapped here?").
struct WalkEnd {
    enum class Kind { Mapped, NotCanonical, NotPresent, NoTable, Reserved } kind = Kind::NotCanonical;
    int level = 0;           // 1: the page table, 2: the page directory, ...: where it ended
    std::uint64_t table = 0; // frame of that level's table
    std::uint64_t entry = 0; // what the table says (not for NoTable)
    GuestPage page;          // with Mapped
    [[nodiscard]] bool mapped() const { return kind == Kind::Mapped; }
    // Bytes from the address's rounding down that share this end: one entry of `level` stands for them.
    [[nodiscard]] std::uint64_t covered_bytes() const;
};
WalkEnd walk_to_end(GuestFrames& frames, const PageTables& tables, std::uint64_t address);

// The same as a Result. Error (CannotArm): not canonical; which level is not present (its entry shown); which
// table's frame cannot be mapped; an entry that no CPU accepts.
Result<GuestPage> walk(GuestFrames& frames, const PageTables& tables, std::uint64_t address);
// The sentence behind such an Error.
Error walk_error(const WalkEnd& end, std::uint64_t address);

// Bits 63 to 47 (five levels: to 56) all alike.
bool is_canonical(std::uint64_t address, int levels);

} // namespace stakeout
