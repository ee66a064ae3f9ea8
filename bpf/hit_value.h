// The target's value: read in the exception, exchanged with the last one.
#pragma once

#include "bpf/hit_state.h"

// The kernel's own alias of a user address, by a walk of the process's page tables; 0 where there is none.
//
// A watch for reads would trap our own reading of the value: in the exception of a user-mode access the debug
// registers stay armed, and copying eight bytes with REP MOVSB traps eight times. A debug register matches
// virtual addresses, so reading the same frame through the direct map traps nothing.
static __always_inline __u64 kernel_alias(__u64 address) {
    const __u64 frame_bits =
        0x00003ffffffff000ull; // 64 TiB; arm/direct_map.cpp has proven that this machine fits
    __u64 table = target_pgd;
    for (int level = 5; level >= 1; level--) {
        if (level > page_levels) continue;
        __u64 shift = 12 + 9 * (level - 1), entry = 0;
        if (bpf_probe_read_kernel(&entry, sizeof(entry), (void*)(table + 8 * ((address >> shift) & 511))))
            return 0;
        if (!(entry & 1)) return 0; // not present
        __u64 frame = direct_map + (entry & frame_bits);
        if (level == 1) return frame + (address & 0xfff);
        __u64 offset_in_page = address & ((1ull << shift) - 1);
        if (entry & 0x80)
            return direct_map + (entry & frame_bits & ~((1ull << shift) - 1)) + offset_in_page; // huge page
        table = frame;
    }
    return 0;
}

static __always_inline long read_user_target(void* to, __u64 size, __u64 from, bool user_mode) {
    bool in_one_page = (from & 0xfff) + size <= 0x1000;
    if (user_mode && target_pgd && in_one_page) {
        __u64 alias = kernel_alias(from);
        if (alias && bpf_probe_read_kernel(to, size, (const void*)alias) == 0) return 0;
    }
    return bpf_probe_read_user(to, size, (const void*)from);
}

// Reads the target and exchanges the last value; the caller holds the order lock where it could be had.
static __always_inline void exchange_value(struct so_record* r, const struct so_plan* plan, __u32 region,
                                           __u32 cpu) {
    __u32 key = region + (per_cpu_values ? cpu * SO_REGIONS : 0);
    struct last_value* last = bpf_map_lookup_elem(&last_values, &key);
    __u64 size = region_size[region & (SO_REGIONS - 1)];
    __u64 from = plan->region_address[region & (SO_REGIONS - 1)];
    if (!last || size > SO_REGION_BYTES) return;
    __builtin_memcpy(r->old_bytes, last->bytes, SO_REGION_BYTES);
    long failed = user_regions ? read_user_target(r->new_bytes, size, from, r->flags & SO_USER_MODE)
                               : bpf_probe_read_kernel(r->new_bytes, size, (const void*)from);
    if (failed)
        r->flags |= SO_NEW_UNREADABLE;
    else
        __builtin_memcpy(last->bytes, r->new_bytes, SO_REGION_BYTES);
}
