#include "loader/big_buffers.h"

#include <malloc.h>
#include <sys/mman.h>

#include <bit>
#include <cstdint>
#include <cstdlib>

namespace stakeout {
namespace {
constexpr int heap_bytes = 16 << 20;
constexpr std::uintptr_t huge_page = 2 << 20;
} // namespace

BigBuffers::BigBuffers() {
    ::mallopt(M_MMAP_THRESHOLD, heap_bytes); // not a mapping of its own for each
    ::mallopt(M_TRIM_THRESHOLD, 2 * heap_bytes);
    // One block of the size of all, given back at once: it stays as the top of the heap.
    // NOLINTBEGIN(cppcoreguidelines-no-malloc,cppcoreguidelines-owning-memory): the heap itself is what is
    // prepared
    void* block = std::malloc(heap_bytes - 4096);
    if (block == nullptr) return;
    const auto start = (std::bit_cast<std::uintptr_t>(block) + huge_page - 1) & ~(huge_page - 1);
    const auto end = (std::bit_cast<std::uintptr_t>(block) + heap_bytes - 4096) & ~(huge_page - 1);
    // Where the kernel has no huge pages to give, the small ones do.
    (void)::madvise(std::bit_cast<void*>(start), end - start, MADV_HUGEPAGE);
    std::free(block);
    // NOLINTEND(cppcoreguidelines-no-malloc,cppcoreguidelines-owning-memory)
}

BigBuffers::~BigBuffers() {
    constexpr int usual = 128 * 1024;
    ::mallopt(M_MMAP_THRESHOLD, usual);
    ::mallopt(M_TRIM_THRESHOLD, usual);
    ::malloc_trim(0);
}

} // namespace stakeout
