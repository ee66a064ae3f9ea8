#include "scripts/probes/probe.h"

#include "loader/libbpf_log.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <cerrno>

namespace stakeout {

void DestroyProbe::operator()(bpf_link* link) const { bpf_link__destroy(link); }

Result<Probe> probe_process(bpf_program* program, int pid, const std::string& path, std::uint64_t file_offset,
                            bool at_return, const std::string& what) {
    LIBBPF_OPTS(bpf_uprobe_opts, options);
    options.retprobe = at_return;
    Probe probe(bpf_program__attach_uprobe_opts(program, pid, path.c_str(), file_offset, &options));
    if (probe) return probe;
    const int why = errno;
    return arm_error("probe " + what, take_libbpf_messages(), "does the process still run?", why);
}

Result<Probe> probe_tracepoint(bpf_program* program) {
    Probe probe(bpf_program__attach(program));
    if (probe) return probe;
    const int why = errno;
    return arm_error(fmt::format("attach to the tracepoint {}", bpf_program__name(program)),
                     take_libbpf_messages(), "run `stakeout doctor`", why);
}

Error probes_not_loaded(const std::string& which, int errno_value) {
    const bool rights = errno_value == EPERM; // the verifier refuses with EACCES as well
    return arm_error("load the " + which,
                     rights ? "this needs root, or CAP_BPF with CAP_PERFMON"
                            : "the kernel refused them: " + take_libbpf_messages(),
                     rights ? "run it as root (sudo stakeout ...)" : "run `stakeout doctor`", errno_value);
}

} // namespace stakeout
