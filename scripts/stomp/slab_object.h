// Which slab object a kernel address lies in, read from the page's descriptor (mm/slab.h), as crash(8)'s kmem
// -s does.
#pragma once

#include "loader/kernel_peek.h"
#include "watchpoints/target/kernel_symbols.h"
#include "watchpoints/target/kernel_types.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace stakeout {

struct SlabObject {
    std::string cache; // "kmalloc-64"
    std::uint64_t start = 0;
    std::uint64_t size = 0; // bytes that its owner may use
};

class SlabLookup {
  public:
    // Null where this kernel does not tell enough: the bases of the direct map and of the page array are
    // variables that KALLSYMS_ALL=n hides, and struct slab exists since Linux 5.17 (commit d122019bf061).
    static std::unique_ptr<SlabLookup> make(const KernelPeek& peek, const KernelSymbols& symbols,
                                            const KernelTypes& types);

    // Absent: no slab page. Everything read is checked for plausibility, since pages change owners under us.
    [[nodiscard]] std::optional<SlabObject> find(std::uint64_t address) const;

  private:
    struct Layout {
        std::uint64_t page_bytes = 0, compound_head = 0, slab_cache = 0;     // struct page, struct slab
        std::uint64_t cache_name = 0, cache_size = 0, cache_object_size = 0; // struct kmem_cache
    };
    SlabLookup(const KernelPeek& peek, const Layout& layout, std::uint64_t direct_map, std::uint64_t pages)
        : peek_(peek), layout_(layout), direct_map_(direct_map), pages_(pages) {}

    const KernelPeek& peek_;
    Layout layout_;
    std::uint64_t direct_map_, pages_;
};

} // namespace stakeout
