#include "scripts/leak/allocation_stack.h"

#include "scripts/leak/code_map.h"
#include "watchpoints/hit/call_site.h"

#include <algorithm>
#include <array>

namespace stakeout {
namespace {

using Names = std::initializer_list<std::string_view>;

bool begins_with_any(std::string_view name, Names beginnings) {
    return std::any_of(beginnings.begin(), beginnings.end(),
                       [name](std::string_view beginning) { return name.starts_with(beginning); });
}

// A wrapper that a program has for itself is one by its name only.
bool is_user_allocator(const Frame& frame) {
    if (allocates_for_others(frame.module)) return true;
    const std::string_view name = frame.symbol;
    constexpr std::array exact{"malloc",   "calloc",  "realloc", "memalign", "mmap",
                               "mmap64",   "strdup",  "strndup", "xmalloc",  "xcalloc",
                               "xrealloc", "xstrdup", "xzalloc", "zmalloc",  "zcalloc"};
    if (std::find(exact.begin(), exact.end(), name) != exact.end()) return true;
    // The containers' code is instantiated in the program itself; a demangled template has its return type in
    // front.
    return begins_with_any(
               name, {"operator new", "std::", "__gnu_cxx::", "void std::", "void* std::", "g_malloc"}) ||
           name.substr(0, name.find('(')).find(" std::") != std::string_view::npos;
}

bool is_tracing(std::string_view name) {
    return begins_with_any(name, {"bpf_prog_", "bpf_trace_run", "__bpf_trace_", "__traceiter_",
                                  "bpf_get_stack", "__bpf_trace", "bpf_trampoline", "trace_k", "trace_mm_"});
}

bool is_kernel_allocator(std::string_view name) {
    return begins_with_any(name, {"kmalloc",
                                  "__kmalloc",
                                  "__do_kmalloc",
                                  "kmem_cache_alloc",
                                  "__kmem_cache_alloc",
                                  "kvmalloc",
                                  "__kvmalloc",
                                  "kzalloc",
                                  "krealloc",
                                  "__krealloc",
                                  "kcalloc",
                                  "kstrdup",
                                  "kstrndup",
                                  "kmemdup",
                                  "kasprintf",
                                  "kvasprintf",
                                  "devm_k",
                                  "alloc_pages",
                                  "__alloc_pages",
                                  "__alloc_frozen_pages",
                                  "get_free_page",
                                  "__get_free_pages",
                                  "get_zeroed_page",
                                  "___slab_alloc",
                                  "__slab_alloc",
                                  "slab_alloc",
                                  "__vmalloc",
                                  "vmalloc",
                                  "vzalloc",
                                  "__folio_alloc",
                                  "folio_alloc",
                                  "alloc_slab",
                                  "allocate_slab",
                                  "new_slab",
                                  "kmalloc_reserve",
                                  "post_alloc_hook",
                                  "get_page_from_freelist",
                                  "___kmalloc",
                                  "__alloc_skb",
                                  "alloc_skb"});
}

bool call_ends_at(std::uint64_t address, std::uint32_t pid, Symboliser& symboliser) {
    return follows_call(address, [&symboliser, pid](std::uint64_t from, std::span<std::uint8_t> into) {
        return symboliser.read_user_code(pid, from, into);
    });
}

} // namespace

bool is_allocator(const Frame& frame, bool user) {
    return user ? is_user_allocator(frame) : is_kernel_allocator(frame.symbol);
}

bool is_deallocator(const Frame& frame) {
    constexpr std::array exact{"free",        "cfree",     "realloc",           "munmap",
                               "__libc_free", "_int_free", "malloc_consolidate"};
    return std::find(exact.begin(), exact.end(), frame.symbol) != exact.end() ||
           begins_with_any(frame.symbol,
                           {"operator delete", "kfree", "__kfree", "kmem_cache_free", "__kmem_cache_free",
                            "__slab_free", "slab_free", "free_slab", "__free_slab", "__free_pages",
                            "free_unref", "_int_free", "__free_frozen", "do_slab_free"});
}

std::vector<Frame> allocation_frames(const leak_site& site, const std::vector<std::uint64_t>& addresses,
                                     std::optional<int> pid, Symboliser& symboliser) {
    std::vector<Frame> frames;
    frames.reserve(addresses.size() + 1);
    for (const std::uint64_t address : addresses) {
        if (!pid) {
            const Frame& frame = symboliser.kernel_frame(address, true);
            if (frames.empty() && is_tracing(frame.symbol)) continue;
            // The JIT's programs have no symbol where /proc/kallsyms does not list them.
            if (frames.empty() && frame.symbol.empty()) continue;
            frames.push_back(frame);
            continue;
        }
        const auto process = static_cast<std::uint32_t>(*pid);
        frames.push_back(symboliser.user_frame(process, address, true));
        if (frames.size() != 1 || site.caller == 0) continue;
        const bool already = addresses.size() > 1 && addresses[1] == site.caller;
        if (!already && call_ends_at(site.caller, process, symboliser))
            frames.push_back(symboliser.user_frame(process, site.caller, true));
    }
    return frames;
}

const Frame* answerable(const std::vector<Frame>& frames, bool user) {
    if (frames.empty()) return nullptr;
    const auto found = std::find_if(frames.begin(), frames.end(),
                                    [user](const Frame& frame) { return !is_allocator(frame, user); });
    return found != frames.end() ? &*found : &frames.front();
}

bool is_slab_page(const leak_site& site, const std::vector<Frame>& frames) {
    return site.what == LEAK_PAGES && std::any_of(frames.begin(), frames.end(), [](const Frame& frame) {
               return begins_with_any(frame.symbol,
                                      {"___slab_alloc", "new_slab", "allocate_slab", "__slab_alloc"});
           });
}

} // namespace stakeout
