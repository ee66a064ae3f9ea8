// An allocation stack as frames, and the function of it that is answerable: the first that does not merely
// allocate for its caller.
#pragma once

#include "scripts/leak/leak_layout.h"
#include "watchpoints/hit/symboliser.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace stakeout {

// `addresses` innermost first. `pid` absent: the kernel's; the tracepoint's own frames are cut off.
// Where the site has a hidden caller it is put after the wrapper's frame, if a call really ends there.
std::vector<Frame> allocation_frames(const leak_site& site, const std::vector<std::uint64_t>& addresses,
                                     std::optional<int> pid, Symboliser& symboliser);

// malloc, operator new, strdup, std::vector<...>::push_back; kmalloc, kmem_cache_alloc, kstrdup ...
bool is_allocator(const Frame& frame, bool user);

// free, kfree, and what they are made of: they touch the memory of what is being freed.
bool is_deallocator(const Frame& frame);

// Null: the stack is empty. Where all frames only allocate, the innermost.
const Frame* answerable(const std::vector<Frame>& frames, bool user);

// Pages that the slab allocator takes for its own: their objects are tracked one by one.
bool is_slab_page(const leak_site& site, const std::vector<Frame>& frames);

} // namespace stakeout
