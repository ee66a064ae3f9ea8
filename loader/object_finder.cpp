#include "loader/object_finder.h"

#include "base/owned_fd.h"
#include "loader/big_buffers.h"
#include "loader/libbpf_log.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <finders.skel.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace stakeout {
namespace {

struct Destroy {
    void operator()(finders_bpf* object) const { finders_bpf__destroy(object); }
    void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using Finders = std::unique_ptr<finders_bpf, Destroy>;

Error finder_error(const char* step, int errno_value) {
    if (errno_value == EPERM || errno_value == EACCES)
        return arm_error("find the kernel object", "this needs root, or CAP_BPF with CAP_PERFMON",
                         "run it as root (sudo stakeout ...)", errno_value);
    if (::access("/sys/kernel/btf/vmlinux", R_OK) != 0)
        return arm_error("find the kernel object", "this kernel has no BTF (/sys/kernel/btf/vmlinux)",
                         "boot a kernel built with CONFIG_DEBUG_INFO_BTF", errno_value);
    return arm_error("find the kernel object", fmt::format("{} failed: {}", step, take_libbpf_messages()),
                     "run `stakeout doctor` to see what this kernel allows", errno_value);
}

// Everything the iterator writes, cut into records.
template <class Record>
Result<std::vector<Record>> run(bpf_program* program, bpf_iter_attach_opts* options) {
    const std::unique_ptr<bpf_link, Destroy> link(bpf_program__attach_iter(program, options));
    if (!link) return finder_error("attaching the iterator", errno);
    const OwnedFd iterator(bpf_iter_create(bpf_link__fd(link.get())));
    if (!iterator) return finder_error("starting the iterator", errno);

    std::vector<Record> records;
    std::vector<char> bytes;
    std::array<char, 16384> chunk{};
    for (;;) {
        const ssize_t got = ::read(iterator.get(), chunk.data(), chunk.size());
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (got < 0) return finder_error("reading the iterator", errno);
        if (got == 0) break;
        bytes.insert(bytes.end(), chunk.data(), chunk.data() + got);
    }
    records.resize(bytes.size() / sizeof(Record));
    if (!records.empty()) std::memcpy(records.data(), bytes.data(), records.size() * sizeof(Record));
    return records;
}

Result<Finders> open_finders() {
    capture_libbpf_messages();
    Finders finders(finders_bpf__open());
    if (!finders) return finder_error("opening the finder", errno);
    return finders;
}

Result<std::vector<so_file>> files(std::uint32_t tgid, int fd, bool only_breakpoints) {
    const BigBuffers buffers;
    auto finders = open_finders();
    if (!finders) return std::move(finders).error();
    (*finders)->rodata->only_tgid = tgid;
    (*finders)->rodata->only_fd = fd;
    (*finders)->rodata->only_perf_breakpoints = only_breakpoints;
    bpf_program__set_autoload((*finders)->progs.find_tasks, false);
    if (const int failed = finders_bpf__load(finders->get()); failed != 0)
        return finder_error("loading the file finder", -failed);
    return run<so_file>((*finders)->progs.find_files, nullptr);
}

} // namespace

Result<std::vector<so_task>> find_tasks(std::uint32_t only_tid) {
    const BigBuffers buffers;
    auto finders = open_finders();
    if (!finders) return std::move(finders).error();
    (*finders)->rodata->only_tid = only_tid;
    bpf_program__set_autoload((*finders)->progs.find_files, false);
    if (const int failed = finders_bpf__load(finders->get()); failed != 0)
        return finder_error("loading the task finder", -failed);
    return run<so_task>((*finders)->progs.find_tasks, nullptr);
}

Result<std::uint64_t> find_task_address(std::uint32_t tid) {
    auto tasks = find_tasks();
    if (!tasks) return std::move(tasks).error();
    constexpr std::uint32_t kthreadd = 2;
    for (const so_task& task : *tasks) {
        if (tid != 0 && task.tid == tid) return task.task;
        if (tid == 0 && task.tid == kthreadd) return task.parent_leader;
    }
    // A process that the iterator skips (some sandboxes hide theirs) may still be somebody's parent.
    for (const so_task& task : *tasks)
        if (tid != 0 && task.parent_tgid == tid) return task.parent_leader;
    return std::uint64_t{0};
}

Result<std::vector<so_file>> find_file(std::uint32_t tgid, int fd) { return files(tgid, fd, false); }
Result<std::vector<so_file>> find_breakpoint_files() { return files(0, -1, true); }

} // namespace stakeout
