// What births.bpf.c and the follower share.
#pragma once

#ifdef __cplusplus
#include <cstdint>
using births_u64 = std::uint64_t;
using births_u32 = std::uint32_t;
#else
typedef __u64 births_u64;
typedef __u32 births_u32;
#endif

enum {
    BIRTHS_NAME = 32,      // of a slab cache, with its end
    BIRTHS_FOLLOWED = 256, // most objects under way
    BIRTHS_RING = 65536,   // bytes
};

enum births_what {
    BIRTHS_BORN = 1,
    BIRTHS_FREED = 2,
    BIRTHS_REPLACED = 3, // born again at that place: its free was not seen
};

struct births_event {
    births_u64 time_ns;
    births_u64 address; // of the object
    births_u64 value;   // of the counter, when freed
    births_u32 what;
    births_u32 has_value;
};
