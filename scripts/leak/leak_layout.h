// What leak.bpf.c and the analysis share: one record an object, one an allocation stack.
#pragma once

#ifdef __cplusplus
#include <cstdint>
using leak_u64 = std::uint64_t;
using leak_u32 = std::uint32_t;
using leak_s32 = std::int32_t;
#else
typedef __u64 leak_u64;
typedef __u32 leak_u32;
typedef __s32 leak_s32;
#endif

enum {
    LEAK_DEPTH = 20,       // frames of an allocation stack
    LEAK_OBJECTS = 262144, // most objects tracked at a time; what does not fit is counted
    LEAK_STACKS = 16384,   // most allocation stacks
    LEAK_WRAPPERS = 8,     // ranges of code that allocates for others: libc, libstdc++ ...
    LEAK_CODE = 16,        // ranges of all other code
    LEAK_ROLES = 5,
    LEAK_SCANNED_WORDS = 48, // of the stack, in search of the caller of such code
};

// Who allocated: the stack's id, and the caller that the frame pointers do not show (0: none).
struct leak_site {
    leak_u64 caller;
    leak_s32 stack;
    leak_u32 what; // enum leak_what
};

enum leak_what {
    LEAK_HEAP = 0, // malloc and the like
    LEAK_MAP = 1,  // mmap
    LEAK_KMALLOC = 2,
    LEAK_SLAB = 3,
    LEAK_PAGES = 4,
    LEAK_RECLAIMABLE = 5, // slab objects that the kernel takes back when memory is short: inodes, dentries
};

// A live object, by its address (pages: by that of its struct page).
struct leak_object {
    struct leak_site site;
    leak_u64 size;
    leak_u64 time_ns;
    leak_u32 tid;
    leak_u32 pid;
};

// All tracked objects of a site.
struct leak_group {
    leak_u64 allocations, frees;
    leak_u64 allocated_bytes, freed_bytes;
    leak_u64 old_frees; // of objects older than --older
    leak_u32 tid, pid;  // of the task last seen allocating
    char comm[16];
};

// One a CPU.
struct leak_counters {
    leak_u64 entries; // allocations begun while a window was open
    leak_u64 tracked;
    leak_u64 frees;             // calls of free, kfree ...: also of untracked objects
    leak_u64 full;              // objects that did not fit
    leak_u64 no_stack;          // and those whose stack did not
    leak_u64 work_ns;           // spent in tracking
    leak_u64 calls[LEAK_ROLES]; // of the allocating functions, in windows; by AllocatorRole
};

struct leak_range {
    leak_u64 start, end;
};
