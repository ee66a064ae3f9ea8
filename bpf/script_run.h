/* How a script's functions become BPF programs: private part of bpf/stakeout.h.
 *
 * The maps named so_* are the hit program's own: the loader replaces them by those
 * (loader/script_program.cpp). on_hit becomes a stage of the hit program, reached and left by a tail call;
 * what it says lies in `struct hit`, of which each CPU has one. on_followup becomes the callback of a
 * bpf_timer, one for each CPU: see bpf/followup.bpf.c for who starts it, and docs/decisions/0011-follow-up.md
 * for why.
 */
#ifndef STAKEOUT_SCRIPT_RUN_H
#define STAKEOUT_SCRIPT_RUN_H

#ifndef __maybe_unused
#define __maybe_unused __attribute__((unused))
#endif
#define SO_HELPER static __always_inline __maybe_unused

char so_license[] SEC("license") __attribute__((weak)) = "GPL";

struct fields;
/* Keeps the type in the object's BTF, where the loader looks for it. */
const struct fields* so_fields_type SEC(".stakeout") __attribute__((used, weak));

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, struct hit);
    __uint(max_entries, 1);
} so_hits SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(key_size, 4);
    __uint(value_size, 4);
    __uint(max_entries, SO_STAGES);
} so_stages SEC(".maps");

/* ---- on_hit ---- */

SO_HELPER struct hit* so_begin_hit(void) {
    __u32 zero = 0;
    struct hit* h = bpf_map_lookup_elem(&so_hits, &zero);
    if (h) __builtin_memset(h->extra.fields, 0, sizeof(h->extra.fields));
    return h;
}

#define SO_ON_HIT(h)                                                                                         \
    static __always_inline enum verdict so_on_hit(void* so_ctx, struct hit* h);                              \
    SEC("perf_event") int stakeout_hit(void* so_ctx) {                                                       \
        struct hit* so_hit = so_begin_hit();                                                                 \
        if (so_hit) {                                                                                        \
            so_hit->asked.verdict = so_on_hit(so_ctx, so_hit);                                               \
            so_hit->asked.reason = SO_DROP_SCRIPT;                                                           \
        }                                                                                                    \
        bpf_tail_call(so_ctx, &so_stages, SO_CONCLUDE);                                                      \
        return 0;                                                                                            \
    }                                                                                                        \
    static __always_inline enum verdict so_on_hit(__maybe_unused void* so_ctx, struct hit* h)

SO_HELPER long so_defer(struct so_asked* asked, __u64 microseconds) {
    if (microseconds > SO_MAX_DELAY_US) microseconds = SO_MAX_DELAY_US;
    asked->delay_ns = microseconds * 1000;
    asked->defers = 1;
    return 0;
}

/* Where a snapshot is read from. */
enum so_memory { SO_KERNEL_MEMORY, SO_USER_MEMORY };

/* The place for a snapshot of so many bytes, header filled in; NULL: it does not fit. */
SO_HELPER char* so_begin_snapshot(struct so_asked* asked, struct so_extra* extra, __u64 address,
                                  __u64 bytes) {
    __u64 used = extra->snapshot_bytes & 0xffff;
    if (bytes == 0 || bytes > SO_SNAPSHOT_BYTES || used > SO_SNAPSHOT_BYTES + SO_SNAPSHOTS * 24 ||
        asked->snapshots >= SO_SNAPSHOTS || asked->snapshot_total + bytes > SO_SNAPSHOT_BYTES) {
        asked->refused++;
        return 0;
    }
    struct so_snapshot header = {.address = address, .bytes = bytes, .failed = 1};
    char* at = (char*)extra->snapshots + used;
    bpf_probe_read_kernel(at, sizeof(header), &header);
    asked->snapshots++;
    asked->snapshot_total += bytes;
    extra->snapshot_bytes = used + sizeof(header) + ((bytes + 7) & ~7ull);
    return at;
}

SO_HELPER long so_end_snapshot(char* at, long failed) {
    __u32 flag = failed != 0;
    bpf_probe_read_kernel(at + offsetof(struct so_snapshot, failed), sizeof(flag), &flag);
    return failed;
}

SO_HELPER long so_snapshot(struct so_asked* asked, struct so_extra* extra, __u64 address, __u64 bytes,
                           enum so_memory memory) {
    char* at = so_begin_snapshot(asked, extra, address, bytes);
    if (!at || bytes > SO_SNAPSHOT_BYTES) return -7; /* E2BIG */
    char* to = at + sizeof(struct so_snapshot);
    return so_end_snapshot(at, memory == SO_USER_MEMORY
                                   ? bpf_probe_read_user(to, bytes, (const void*)address)
                                   : bpf_probe_read_kernel(to, bytes, (const void*)address));
}

SO_HELPER long so_snapshot_waiting(struct so_asked* asked, struct so_extra* extra, __u64 address,
                                   __u64 bytes) {
    char* at = so_begin_snapshot(asked, extra, address, bytes);
    if (!at || bytes > SO_SNAPSHOT_BYTES) return -7; /* E2BIG */
    return so_end_snapshot(at,
                           bpf_copy_from_user(at + sizeof(struct so_snapshot), bytes, (const void*)address));
}

SO_HELPER int so_from(const volatile struct so_function* wanted, __u64 ip) {
    return ip >= wanted->start && ip < wanted->end;
}

struct so_frames {
    __u64 ip[SO_MAX_DEPTH + 1];
};
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __type(key, __u32);
    __type(value, struct so_frames);
    __uint(max_entries, 1);
} so_frames SEC(".maps");

SO_HELPER int so_called_from(void* ctx, const volatile struct so_function* wanted, __u64 ip, int user_mode) {
    __u32 zero = 0;
    struct so_frames* frames = bpf_map_lookup_elem(&so_frames, &zero);
    if (!frames) return 0;
    if (so_from(wanted, ip)) return 1;
    long got = bpf_get_stack(ctx, frames->ip, SO_MAX_DEPTH * 8, user_mode ? BPF_F_USER_STACK : 0);
    for (long i = 1; i < SO_MAX_DEPTH && i * 8 < got; i++)
        if (so_from(wanted, frames->ip[i] - 1)) return 1; /* a return address: one behind the call */
    return 0;
}

#endif
