#include "scripts/stomp/writer.h"

#include <algorithm>
#include <array>

namespace stakeout {
namespace {

template <std::size_t Size>
bool begins_with_any(std::string_view name, const std::array<std::string_view, Size>& beginnings) {
    return std::any_of(beginnings.begin(), beginnings.end(),
                       [name](std::string_view beginning) { return name.starts_with(beginning); });
}

// "__memset_avx512_unaligned_erms" and "__pi_memcpy" are memset and memcpy; "mempool_alloc" is neither.
std::string_view without_underscores(std::string_view name) {
    while (name.starts_with('_')) name.remove_prefix(1);
    if (name.starts_with("pi_")) name.remove_prefix(3);
    while (name.starts_with('_')) name.remove_prefix(1);
    return name;
}

constexpr std::array<std::string_view, 25> copy_names{
    "memcpy",       "memmove",        "memset",    "mempcpy",       "bcopy",    "bzero",    "strcpy",
    "strncpy",      "strlcpy",        "strscpy",   "sized_strscpy", "strcat",   "strncat",  "stpcpy",
    "stpncpy",      "clear_page",     "copy_page", "clear_user",    "rep_movs", "rep_stos", "copy_user_",
    "copy_to_user", "copy_from_user", "raw_copy_", "copyin",
};
constexpr std::array<std::string_view, 12> more_copy_names{
    "copyout",   "csum_partial_copy", "sprintf", "snprintf", "vsnprintf", "vsprintf",
    "scnprintf", "vscnprintf",        "copy_mc", "chk_fail", "wmemset",   "memccpy",
};
// Names of the kernel's and glibc's allocators, as they stand on stacks: the functions callers use and those
// below them.
constexpr std::array<std::string_view, 27> allocation_names{
    "kmalloc",         "kmem_cache_alloc", "kzalloc",           "kcalloc",       "krealloc",
    "kvmalloc",        "slab_alloc",       "slab_post_alloc",   "kmem_alloc",    "alloc_pages",
    "get_free_pages",  "get_zeroed_page",  "vmalloc",           "vzalloc",       "get_page_from_freelist",
    "post_alloc_hook", "prep_new_page",    "kernel_init_pages", "mempool_alloc", "int_malloc",
    "libc_malloc",     "libc_calloc",      "int_realloc",       "libc_realloc",  "int_memalign",
    "operator new",    "kmemdup",
};
constexpr std::array<std::string_view, 6> exact_allocations{"malloc",   "calloc",        "realloc",
                                                            "memalign", "aligned_alloc", "posix_memalign"};
constexpr std::array<std::string_view, 17> release_names{
    "kfree",
    "kmem_cache_free",
    "kvfree",
    "slab_free",
    "vfree",
    "free_pages",
    "free_page",
    "int_free",
    "libc_free",
    "cfree",
    "operator delete",
    "tcache_put",
    "set_freepointer",
    "do_slab_free",
    "free_unref_page",
    "free_large_kmalloc",
    "slab_update_freelist",
};

// Libraries that only do what they are asked for.
bool is_runtime_library(std::string_view path) {
    const std::string_view file = path.substr(path.rfind('/') + 1);
    static constexpr std::array<std::string_view, 8> libraries{
        "libc.so", "libc-2", "libstdc++.so", "libc++.so", "ld-linux", "libpthread", "libm.so", "libasan.so"};
    return begins_with_any(file, libraries);
}

bool is_exact_allocation(std::string_view bare) {
    return std::find(exact_allocations.begin(), exact_allocations.end(), bare) != exact_allocations.end();
}

// The stacks of a hit as one list, innermost first.
std::vector<const Frame*> frames_of(const Hit& hit) {
    std::vector<const Frame*> frames;
    frames.reserve(hit.kernel_stack.size() + hit.user_stack.size());
    for (const Frame& frame : hit.kernel_stack) frames.push_back(&frame);
    for (const Frame& frame : hit.user_stack) frames.push_back(&frame);
    return frames;
}

} // namespace

bool is_copy_primitive(std::string_view function) {
    const std::string_view bare = without_underscores(function);
    return begins_with_any(bare, copy_names) || begins_with_any(bare, more_copy_names);
}

bool is_allocation(std::string_view function) {
    const std::string_view bare = without_underscores(function);
    return begins_with_any(bare, allocation_names) || is_exact_allocation(bare);
}

bool is_release(std::string_view function) {
    const std::string_view bare = without_underscores(function);
    return begins_with_any(bare, release_names) || bare == "free";
}

Writer writer_of(const Hit& hit) {
    Writer writer;
    const std::vector<const Frame*> frames = frames_of(hit);
    for (const Frame* frame : frames) {
        const bool allocates = is_allocation(frame->symbol);
        const bool frees = is_release(frame->symbol);
        if (allocates) writer.role = Writer::Role::Allocates;
        if (frees && !allocates) writer.role = Writer::Role::Frees;
        const bool serves =
            allocates || frees || is_copy_primitive(frame->symbol) || is_runtime_library(frame->module);
        if (!serves) {
            writer.frame = frame;
            break;
        }
        if (writer.via.empty() || allocates || frees) writer.via = frame->symbol;
    }
    if (writer.frame == nullptr && !frames.empty()) {
        writer.frame = frames.front(); // all of it is a library's: then the library it is
        writer.via.clear();
    }
    return writer;
}

} // namespace stakeout
