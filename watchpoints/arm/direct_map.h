// Where the kernel maps all physical memory (page_offset_base). Hidden without KALLSYMS_ALL and moved by
// KASLR in steps of 1 GiB, but a page of our own betrays it: we know its frame number and what it contains.
#pragma once

#include "loader/kernel_peek.h"

#include <cstdint>
#include <optional>

namespace stakeout {

struct DirectMap {
    std::uint64_t base = 0;
    std::uint32_t page_levels = 4;
};

// `inside`: any address within the direct map (page tables and slab objects are). Absent where it cannot be
// found or where a walk of page tables does not arrive at the right frame (memory encryption bits, exotic
// layouts).
std::optional<DirectMap> find_direct_map(const KernelPeek& peek, std::uint64_t inside);

} // namespace stakeout
