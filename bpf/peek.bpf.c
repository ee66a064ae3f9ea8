// Reads kernel memory on behalf of user space: kernel text to decode, pointers to follow, values to seed, and
// whether an address is mapped at all. A `syscall` program (Linux 5.14) run once for each read;
// bpf_probe_read_kernel never faults, so any number may be asked for.
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

enum { PEEK_BYTES = 4096 };

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __type(key, __u32);
    __type(value, __u8[PEEK_BYTES]);
    __uint(max_entries, 1);
} window SEC(".maps");

struct peek_request {
    __u64 address;
    __u64 bytes;
};

SEC("syscall")
int peek(struct peek_request* request) {
    __u32 zero = 0;
    void* to = bpf_map_lookup_elem(&window, &zero);
    __u64 bytes = request->bytes;
    if (!to || bytes > PEEK_BYTES) return -22;
    return bpf_probe_read_kernel(to, bytes, (const void*)request->address);
}
