#include "loader/predicate/load_predicate.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>

namespace stakeout {
namespace {

// The verifier says at the end what it objects to.
std::string last_lines(std::string_view log) {
    constexpr int lines = 4;
    while (log.ends_with('\n')) log.remove_suffix(1);
    std::size_t from = log.size();
    for (int line = 0; line < lines && from != std::string_view::npos && from > 0; ++line)
        from = log.rfind('\n', from - 1);
    std::string text(log.substr(from == std::string_view::npos ? 0 : from));
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

} // namespace

Result<OwnedFd> load_predicate_code(const std::vector<bpf_insn>& code, bpf_prog_type type) {
    constexpr const char* name = "so_predicate";
    LIBBPF_OPTS(bpf_prog_load_opts, options);
    if (type == BPF_PROG_TYPE_SYSCALL) options.prog_flags = BPF_F_SLEEPABLE; // there are no others
    OwnedFd program(bpf_prog_load(type, name, "GPL", code.data(), code.size(), &options));
    if (program) return program;
    const int why = errno;
    if (why == EPERM)
        return arm_error("test hits in the kernel", "this needs root, or CAP_BPF with CAP_PERFMON",
                         "run it as root (sudo stakeout ...)", why);
    // Once more, to hear the reason.
    std::vector<char> log(std::size_t{1} << 20U);
    options.log_level = 1;
    options.log_buf = log.data();
    options.log_size = static_cast<std::uint32_t>(log.size());
    program.reset(bpf_prog_load(type, name, "GPL", code.data(), code.size(), &options));
    if (program) return program;
    if (why == E2BIG)
        return usage_error("test hits in the kernel",
                           "the tests have more branches than the kernel is willing to verify",
                           "simplify --when, or write a script (--script)");
    return internal_error("test hits in the kernel",
                          "the kernel refuses the program: " + last_lines(log.data()), why);
}

Result<OwnedFd> load_predicate(const PredicateRequest& request) {
    const auto code = predicate_code(request);
    if (!code) return code.error();
    return load_predicate_code(*code, BPF_PROG_TYPE_PERF_EVENT);
}

} // namespace stakeout
