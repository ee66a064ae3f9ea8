// Under which kernel addresses a guest's frame is seen.
//
// A debug register matches a virtual address, not a frame, and Linux shows most of its memory twice or more:
// in the direct map (all of memory), in the kernel's image (its text, data and bss), in vmalloc areas, in
// user mappings. The first two can be computed; the others are not known here, and whoever arms must say so.
#pragma once

#include "xen-bridge/guest/guest_memory.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace stakeout {

// Guest-physical addresses here are those of the guest's own numbering (for PV: pseudo-physical, "pfn" of
// Linux), because that is what its direct map and phys_base count in. Source:
// Documentation/arch/x86/x86_64/mm.rst and arch/x86/include/asm/page_64.h (__phys_addr_nodebug) of the
// kernel.
struct GuestLayout {
    std::uint64_t page_offset = 0;      // the direct map's first address: the value of page_offset_base
    std::uint64_t direct_map_bytes = 0; // how far it reaches; 0: not known, taken as 64 TiB
    std::uint64_t image_start = 0;      // _text, as it runs
    std::uint64_t image_end = 0;        // _end
    std::uint64_t phys_base = 0;        // the variable's value: may be "negative", arithmetic is modulo 2^64
};

// 0xffffffff80000000: the kernel is linked to it, wherever KASLR moves it. __START_KERNEL_map.
constexpr std::uint64_t kernel_map_start = 0xffff'ffff'8000'0000ULL;

struct KernelAlias {
    enum class Kind { DirectMap, Image } kind = Kind::DirectMap;
    std::uint64_t address = 0;
};

std::optional<std::uint64_t> direct_map_address(const GuestLayout& layout, std::uint64_t physical);
std::optional<std::uint64_t> image_address(const GuestLayout& layout, std::uint64_t physical);
// The other way: nullopt for addresses in neither.
std::optional<std::uint64_t> physical_of(const GuestLayout& layout, std::uint64_t address);

// Both addresses of `physical`, as far as they exist. They are computed: check them with
// same_frame_aliases().
std::vector<KernelAlias> aliases(const GuestLayout& layout, std::uint64_t physical);
// Those of them that the page tables really lead to `frame` (of GuestFrames' numbering) now. The kernel
// unmaps the image's alias of what it frees after start, and PTI hides it from user page tables.
std::vector<KernelAlias> same_frame_aliases(GuestMemory& memory, const GuestLayout& layout,
                                            std::uint64_t physical, std::uint64_t frame);

} // namespace stakeout
