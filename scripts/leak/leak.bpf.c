// Pairs allocations and frees. Two parts in one object, of which one is loaded: probes on a process's
// allocator, and the kernel's kmem tracepoints.
//
// Sampling: allocations count while `window_open`; user space opens and closes windows (and takes the
// allocation probes away in between, for a probe that does nothing still costs its trap). Frees are always
// seen: a tracked object that was freed unseen would be called leaked. A free of what is not tracked costs
// one look-up.
#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "scripts/leak/leak_layout.h"

char LICENSE[] SEC("license") = "GPL";

const volatile __u64 older_ns = 0;
const volatile __u32 own_pid = 0; // ours: what diagnosing allocates in the kernel is not the patient's

__u32 window_open = 0;
__u32 window = 0; // its number: what began in another one is not finished in this

struct leak_range wrappers[LEAK_WRAPPERS];
struct leak_range other_code[LEAK_CODE];

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, __u64);
    __type(value, struct leak_object);
    __uint(max_entries, LEAK_OBJECTS);
} objects SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, struct leak_site);
    __type(value, struct leak_group);
    __uint(max_entries, LEAK_STACKS);
} groups SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_STACK_TRACE);
    __uint(key_size, sizeof(__u32));
    __uint(value_size, LEAK_DEPTH * sizeof(__u64));
    __uint(max_entries, LEAK_STACKS);
} stacks SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, struct leak_counters);
    __uint(max_entries, 1);
} counters SEC(".maps");

// An allocation between its entry and its return, by thread.
struct begun {
    __u64 size;
    __u64 place; // posix_memalign: where the address will be
    __u32 window;
    __u32 pad;
};
struct begun_key {
    __u32 tid;
    __u32 what; // malloc itself maps memory: one of each may be under way
};
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __type(key, struct begun_key);
    __type(value, struct begun);
    __uint(max_entries, 8192);
} under_way SEC(".maps");

static struct leak_counters* count(void) {
    __u32 zero = 0;
    return bpf_map_lookup_elem(&counters, &zero);
}

static struct leak_group* group_of(const struct leak_site* site) {
    struct leak_group* group = bpf_map_lookup_elem(&groups, site);
    if (group) return group;
    struct leak_group fresh = {};
    bpf_map_update_elem(&groups, site, &fresh, BPF_NOEXIST);
    return bpf_map_lookup_elem(&groups, site);
}

static void track(void* ctx, __u64 address, __u64 size, __u32 what, __u64 caller) {
    struct leak_counters* sums = count();
    if (!sums || !address) return;
    struct leak_object object = {};
    const __u64 id = bpf_get_current_pid_tgid();
    object.time_ns = bpf_ktime_get_ns();
    object.site.stack = bpf_get_stackid(ctx, &stacks, what <= LEAK_MAP ? BPF_F_USER_STACK : 0);
    if (object.site.stack < 0) { // no room, or another stack of the same hash
        sums->no_stack++;
        return;
    }
    object.site.caller = caller;
    object.site.what = what;
    object.size = size;
    object.tid = id;
    object.pid = id >> 32;
    struct leak_group* group = group_of(&object.site);
    if (!group || bpf_map_update_elem(&objects, &address, &object, BPF_ANY)) {
        sums->full++;
        return;
    }
    __sync_fetch_and_add(&group->allocations, 1);
    __sync_fetch_and_add(&group->allocated_bytes, size);
    if (group->tid != object.tid) { // told in the report; a torn one does no harm
        group->tid = object.tid;
        group->pid = object.pid;
        bpf_get_current_comm(group->comm, sizeof(group->comm));
    }
    sums->tracked++;
    sums->work_ns += bpf_ktime_get_ns() - object.time_ns;
}

static void forget(__u64 address) {
    struct leak_counters* sums = count();
    if (sums) sums->frees++;
    struct leak_object* object = bpf_map_lookup_elem(&objects, &address);
    if (!object) return;
    struct leak_group* group = bpf_map_lookup_elem(&groups, &object->site);
    const __u64 size = object->size;
    const __u64 age = bpf_ktime_get_ns() - object->time_ns;
    if (bpf_map_delete_elem(&objects, &address) || !group) return;
    __sync_fetch_and_add(&group->frees, 1);
    __sync_fetch_and_add(&group->freed_bytes, size);
    if (age >= older_ns) __sync_fetch_and_add(&group->old_frees, 1);
}

// ---- A process's allocator ----

static int begin(__u64 size, __u64 place, __u32 what, __u32 role) {
    struct leak_counters* sums = count();
    if (!window_open || !sums) return 0;
    if (what == LEAK_HEAP) sums->calls[role]++;
    struct begun_key key = {.tid = (__u32)bpf_get_current_pid_tgid(), .what = what};
    struct begun begun = {.size = size, .place = place, .window = window};
    bpf_map_update_elem(&under_way, &key, &begun, BPF_ANY);
    return 0;
}

// Functions of their own for the verifier, which then looks at each once.
__noinline int is_wrapper(__u64 address) {
    for (int i = 0; i < LEAK_WRAPPERS; i++)
        if (address >= wrappers[i].start && address < wrappers[i].end) return 1;
    return 0;
}
__noinline int is_other_code(__u64 address) {
    for (int i = 0; i < LEAK_CODE; i++)
        if (address >= other_code[i].start && address < other_code[i].end) return 1;
    return 0;
}

// operator new and strdup keep no frame pointers: the frame after them would be their caller's caller. Their
// caller is the first word on the stack that points into other code; the analysis looks whether a call ends
// there.
static __u64 hidden_caller(struct pt_regs* ctx) {
    if (!is_wrapper(ctx->ip)) return 0;
    for (int at = 0; at < LEAK_SCANNED_WORDS; at += 8) {
        __u64 words[8] = {};
        if (bpf_probe_read_user(words, sizeof(words), (const void*)(ctx->sp + at * sizeof(words[0]))))
            return 0;
        for (int i = 0; i < 8; i++)
            if (is_other_code(words[i])) return words[i];
    }
    return 0;
}

static int end(struct pt_regs* ctx, __u64 address, __u32 what) {
    struct begun_key key = {.tid = (__u32)bpf_get_current_pid_tgid(), .what = what};
    struct begun* found = bpf_map_lookup_elem(&under_way, &key);
    if (!found) return 0;
    const struct begun begun = *found;
    bpf_map_delete_elem(&under_way, &key);
    if (begun.window != window || !window_open) return 0;
    struct leak_counters* sums = count();
    if (sums) sums->entries++;
    if (begun.place && bpf_probe_read_user(&address, sizeof(address), (const void*)begun.place)) return 0;
    if (address == 0 || address == ~0ULL) return 0;
    track(ctx, address, begun.size, what, hidden_caller(ctx));
    return 0;
}

// The last number is the AllocatorRole.
SEC("uprobe")
int malloc_begins(struct pt_regs* ctx) { return begin(ctx->di, 0, LEAK_HEAP, 0); }
SEC("uprobe")
int calloc_begins(struct pt_regs* ctx) { return begin(ctx->di * ctx->si, 0, LEAK_HEAP, 1); }
SEC("uprobe")
int realloc_begins(struct pt_regs* ctx) { return begin(ctx->si, 0, LEAK_HEAP, 2); }
SEC("uprobe")
int memalign_begins(struct pt_regs* ctx) { return begin(ctx->si, 0, LEAK_HEAP, 3); }
SEC("uprobe")
int posix_memalign_begins(struct pt_regs* ctx) { return begin(ctx->dx, ctx->di, LEAK_HEAP, 4); }
SEC("uretprobe")
int allocation_ends(struct pt_regs* ctx) { return end(ctx, ctx->ax, LEAK_HEAP); }

SEC("uprobe")
int free_called(struct pt_regs* ctx) {
    if (ctx->di) forget(ctx->di);
    return 0;
}
// The old block is gone, whether or not the new one is at the same place; realloc_begins takes the new one.
SEC("uprobe")
int realloc_called(struct pt_regs* ctx) {
    if (ctx->di) forget(ctx->di);
    return 0;
}

enum { SO_MAP_ANONYMOUS = 0x20 };
SEC("uprobe")
int mmap_begins(struct pt_regs* ctx) {
    struct begun_key malloc_key = {.tid = (__u32)bpf_get_current_pid_tgid(), .what = LEAK_HEAP};
    const bool anonymous = ctx->cx & SO_MAP_ANONYMOUS;
    const bool reserved_only = ctx->dx == 0;
    if (!anonymous || reserved_only) return 0;
    struct begun* in_malloc = bpf_map_lookup_elem(&under_way, &malloc_key);
    if (in_malloc && in_malloc->window == window) return 0; // the allocator's own
    return begin(ctx->si, 0, LEAK_MAP, 0);
}
SEC("uretprobe")
int mmap_ends(struct pt_regs* ctx) { return end(ctx, ctx->ax, LEAK_MAP); }
SEC("uprobe")
int munmap_called(struct pt_regs* ctx) {
    forget(ctx->di);
    return 0;
}

// ---- The kernel ----

static bool is_ours(void) { return bpf_get_current_pid_tgid() >> 32 == own_pid; }

static int took(void* ctx, const void* address, __u64 size, __u32 what) {
    if (!window_open || is_ours()) return 0;
    struct leak_counters* sums = count();
    if (sums) sums->entries++;
    track(ctx, (__u64)address, size, what, 0);
    return 0;
}

// SLAB_RECLAIM_ACCOUNT: a fixed bit until Linux 6.9 (cc61eb851461, "mm, slab: use an enum to define SLAB_
// cache creation flags") gave the flags numbers that depend on the configuration.
static unsigned int reclaim_flag(void) {
    if (bpf_core_enum_value_exists(enum _slab_flag_bits, _SLAB_RECLAIM_ACCOUNT))
        return 1U << bpf_core_enum_value(enum _slab_flag_bits, _SLAB_RECLAIM_ACCOUNT);
    return 0x00020000U;
}

// Raw tracepoints and not tp_btf: 6.12 refuses to read the argument of a `const void *` there.
// From Linux 6.1 on (11e9734bcb6a, "unify NUMA and UMA version of tracepoints") these are all there is: no
// kmalloc_node, and kmem_cache_alloc has the cache instead of sizes.
SEC("raw_tp/kmalloc")
int BPF_PROG(kmalloc, unsigned long site, const void* address, size_t wanted, size_t bytes) {
    return took(ctx, address, bytes, LEAK_KMALLOC);
}
SEC("raw_tp/kmem_cache_alloc")
int BPF_PROG(kmem_cache_alloc, unsigned long site, const void* address, struct kmem_cache* cache) {
    const unsigned int flags = BPF_CORE_READ(cache, flags);
    const unsigned int size = BPF_CORE_READ(cache, object_size);
    return took(ctx, address, size, flags & reclaim_flag() ? LEAK_RECLAIMABLE : LEAK_SLAB);
}
SEC("raw_tp/kfree")
int BPF_PROG(kfree, unsigned long site, const void* address) {
    if (address) forget((__u64)address);
    return 0;
}
SEC("raw_tp/kmem_cache_free")
int BPF_PROG(kmem_cache_free, unsigned long site, const void* address) {
    if (address) forget((__u64)address);
    return 0;
}
SEC("raw_tp/mm_page_alloc")
int BPF_PROG(mm_page_alloc, struct page* page, unsigned int order, unsigned int flags) {
    enum { MOVABLE = 0x08 }; // __GFP_MOVABLE: a process's memory, or the page cache
    if (!page || flags & MOVABLE) return 0;
    return took(ctx, page, 4096ULL << order, LEAK_PAGES);
}
SEC("raw_tp/mm_page_free")
int BPF_PROG(mm_page_free, struct page* page) {
    forget((__u64)page);
    return 0;
}
