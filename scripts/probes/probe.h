// BPF programs attached to functions of a process and to tracepoints of the kernel, for the recipes that see
// more than watches show.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <memory>
#include <string>

struct bpf_link;
struct bpf_program;

namespace stakeout {

struct DestroyProbe {
    void operator()(bpf_link* link) const;
};
using Probe = std::unique_ptr<bpf_link, DestroyProbe>; // detached when it goes

// A place in a file that a process has mapped, `path` as we can open it. Error (CannotArm): names `what`.
Result<Probe> probe_process(bpf_program* program, int pid, const std::string& path, std::uint64_t file_offset,
                            bool at_return, const std::string& what);
// The tracepoint that the program's section names. Error (CannotArm).
Result<Probe> probe_tracepoint(bpf_program* program);

// Of a whole object that was not loaded, with errno as it was then: rights, or the kernel's refusal.
Error probes_not_loaded(const std::string& which, int errno_value);

} // namespace stakeout
