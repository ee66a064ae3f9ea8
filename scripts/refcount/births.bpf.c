// Births of objects, and the ends of those that are followed. An object is taken only while user space has
// said that a slot is free (`wanted`), so that a hot cache costs a comparison an allocation and no more.
//
// The address is entered into `followed` at birth, here: a free that comes before user space has armed
// anything is seen as well.
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "scripts/refcount/births_layout.h"

char LICENSE[] SEC("license") = "GPL";

const volatile __u32 own_pid = 0;
const volatile __u64 site_start = 0, site_end = 0; // who allocates; 0: whoever
const volatile __u32 by_cache = 0;                 // objects of this cache
const volatile char cache_name[BIRTHS_NAME] = {};
const volatile __u64 counter_offset = 0;
const volatile __u32 counter_bytes = 4; // 1, 2, 4 or 8

__u64 cache = 0; // address of that cache, once met
__s64 wanted = 0;
__u64 births = 0;  // all, taken or not
__u64 unheard = 0; // taken, and no room to say so

// Where there are more births than slots, the next free slot lets some pass, by chance: a slot that takes the
// next one always may stay in step with a fault that comes every so many objects, and never meet it. CPUs may
// race for these two: chance does not mind.
enum { MOST_PASSED = 3 };
__u32 passed = 0;  // for want of a slot, since one was taken last
__u32 to_pass = 0; // before one is taken

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, __u64);
    __type(value, __u8); // 1
    __uint(max_entries, BIRTHS_FOLLOWED);
} followed SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, BIRTHS_RING);
} events SEC(".maps");

static struct births_event* new_event(__u64 address, __u32 what) {
    struct births_event* event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
    if (!event) return NULL;
    event->time_ns = bpf_ktime_get_ns();
    event->address = address;
    event->value = 0;
    event->has_value = 0;
    event->what = what;
    return event;
}

static int read_counter(__u64* value, __u64 address, bool user) {
    const void* at = (const void*)(address + counter_offset);
    switch (counter_bytes) {
    case 1:
        return user ? bpf_probe_read_user(value, 1, at) : bpf_probe_read_kernel(value, 1, at);
    case 2:
        return user ? bpf_probe_read_user(value, 2, at) : bpf_probe_read_kernel(value, 2, at);
    case 4:
        return user ? bpf_probe_read_user(value, 4, at) : bpf_probe_read_kernel(value, 4, at);
    case 8:
        return user ? bpf_probe_read_user(value, 8, at) : bpf_probe_read_kernel(value, 8, at);
    }
    return -1;
}

// Where the ring is full the entry stays: the follower then ends the object by its clock.
static int ended(__u64 address, __u32 what, bool user) {
    if (!bpf_map_lookup_elem(&followed, &address)) return 0;
    struct births_event* event = new_event(address, what);
    if (!event) {
        __sync_fetch_and_add(&unheard, 1);
        return 0;
    }
    bpf_map_delete_elem(&followed, &address);
    __u64 value = 0;
    if (what == BIRTHS_FREED && !read_counter(&value, address, user)) {
        event->value = value;
        event->has_value = 1;
    }
    bpf_ringbuf_submit(event, 0);
    return 0;
}

static int born(__u64 address, bool user) {
    if (!address) return 0;
    __sync_fetch_and_add(&births, 1);
    ended(address, BIRTHS_REPLACED, user);
    if (wanted <= 0) {
        ++passed;
        return 0;
    }
    if (to_pass) {
        --to_pass;
        return 0;
    }
    if (__sync_fetch_and_add(&wanted, -1) <= 0) { // another CPU was faster
        __sync_fetch_and_add(&wanted, 1);
        return 0;
    }
    const __u8 is_followed = 1;
    struct births_event* event = NULL;
    if (!bpf_map_update_elem(&followed, &address, &is_followed, BPF_ANY))
        event = new_event(address, BIRTHS_BORN);
    if (!event) {
        bpf_map_delete_elem(&followed, &address);
        __sync_fetch_and_add(&wanted, 1);
        __sync_fetch_and_add(&unheard, 1);
        return 0;
    }
    const __u32 passed_by = passed, most = passed_by < MOST_PASSED ? passed_by : MOST_PASSED;
    to_pass = bpf_get_prandom_u32() % (most + 1);
    passed = 0;
    bpf_ringbuf_submit(event, 0);
    return 0;
}

// ---- A process ----

SEC("uretprobe")
int maker_returns(struct pt_regs* ctx) { return born(ctx->ax, true); }

SEC("uprobe")
int free_called(struct pt_regs* ctx) { return ctx->di ? ended(ctx->di, BIRTHS_FREED, true) : 0; }

// ---- The kernel ----

static bool is_made_there(unsigned long site) {
    return (!site_end || (site > site_start && site <= site_end)) &&
           bpf_get_current_pid_tgid() >> 32 != own_pid;
}

static bool is_the_cache(struct kmem_cache* allocated) {
    if (!by_cache) return true;
    if (cache) return (__u64)allocated == cache;
    char name[BIRTHS_NAME] = {};
    const char* at = BPF_CORE_READ(allocated, name);
    if (bpf_probe_read_kernel_str(name, sizeof(name), at) < 0) return false;
    for (int i = 0; i < BIRTHS_NAME; i++) {
        if (name[i] != cache_name[i]) return false;
        if (!name[i]) break;
    }
    cache = (__u64)allocated;
    return true;
}

// Raw tracepoints and not tp_btf: 6.12 refuses to read the argument of a `const void *` there.
SEC("raw_tp/kmalloc")
int BPF_PROG(kmalloc, unsigned long site, const void* address) {
    if (by_cache || !is_made_there(site)) return 0;
    return born((__u64)address, false);
}
SEC("raw_tp/kmem_cache_alloc")
int BPF_PROG(kmem_cache_alloc, unsigned long site, const void* address, struct kmem_cache* allocated) {
    if (!is_made_there(site) || !is_the_cache(allocated)) return 0;
    return born((__u64)address, false);
}
SEC("raw_tp/kfree")
int BPF_PROG(kfree, unsigned long site, const void* address) {
    return ended((__u64)address, BIRTHS_FREED, false);
}
SEC("raw_tp/kmem_cache_free")
int BPF_PROG(kmem_cache_free, unsigned long site, const void* address) {
    return ended((__u64)address, BIRTHS_FREED, false);
}
