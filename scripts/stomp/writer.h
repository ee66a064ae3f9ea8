// Who wrote: of a hit's stack the function that decided to write. Copy and fill primitives (memcpy,
// rep_stos), the C library and the allocators only do what their caller asked for.
#pragma once

#include "watchpoints/hit/hit.h"

#include <string>
#include <string_view>

namespace stakeout {

struct Writer {
    const Frame* frame = nullptr; // inside the hit; null: the hit has no stack at all
    std::string via;              // the primitive that stored, where it was not the function itself: "memset"
    enum class Role { Plain, Allocates, Frees } role = Role::Plain; // what was done to the memory as a whole
};

Writer writer_of(const Hit& hit);

bool is_copy_primitive(
    std::string_view function);                // memcpy, memset, copy_to_user, clear_page and their variants
bool is_allocation(std::string_view function); // kmalloc, kmem_cache_alloc, malloc, operator new ...
bool is_release(std::string_view function);    // kfree, kmem_cache_free, free, operator delete ...

} // namespace stakeout
