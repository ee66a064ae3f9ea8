#include "watchpoints/arm/breakpoint.h"

#include <fmt/format.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace stakeout {
namespace {

std::uint32_t breakpoint_type(AccessKind kind) {
    switch (kind) {
    case AccessKind::Write:
        return HW_BREAKPOINT_W;
    case AccessKind::Execute:
        return HW_BREAKPOINT_X;
    case AccessKind::Read:
    case AccessKind::ReadWrite:
        break;
    }
    return HW_BREAKPOINT_RW;
}

Error open_error(const BreakpointSpec& spec, int errno_value) {
    const std::string tried =
        fmt::format("arm {} bytes at {:#x} on CPU {}", spec.length, spec.address, spec.cpu);
    switch (errno_value) {
    case EACCES:
    case EPERM:
        return arm_error(
            tried, "opening perf events for all tasks is not permitted",
            "run it as root (sudo stakeout ...); CAP_PERFMON and CAP_BPF do for a process's memory, the "
            "kernel's needs CAP_SYS_ADMIN",
            errno_value);
    case ENOSPC:
        return arm_error(tried, "no debug register is free on that CPU",
                         "see who holds them: `stakeout slots`", errno_value);
    case ENODEV:
        return arm_error(tried, "the CPU is offline", "try again", errno_value);
    case EMFILE:
        return arm_error(tried, "too many open files",
                         "raise the limit (ulimit -n); a watch takes slots x CPUs descriptors", errno_value);
    case EINVAL:
    case EOPNOTSUPP:
        if (spec.kind == AccessKind::Execute && spec.address >> 63 != 0)
            return arm_error(tried,
                             "this kernel refuses execute breakpoints on its own text, as kernels without "
                             "CONFIG_KPROBES do",
                             "watch the data it writes instead, or use a kernel with KPROBES", errno_value);
        return arm_error(
            tried,
            "the kernel refuses a breakpoint there (the CPU entry area, GDT, TSS and debug state are barred)",
            "watch another address", errno_value);
    default:
        return arm_error(tried, "perf_event_open failed", "run `stakeout doctor`", errno_value);
    }
}

perf_event_attr attributes(const BreakpointSpec& spec) {
    perf_event_attr attr{};
    attr.size = sizeof(attr);
    attr.type = PERF_TYPE_BREAKPOINT;
    attr.sample_period = 1;
    attr.bp_type = breakpoint_type(spec.kind);
    attr.bp_addr = spec.address;
    attr.bp_len = spec.length;
    attr.disabled = 1;
    attr.exclude_kernel = spec.exclude_kernel ? 1 : 0;
    attr.exclude_hv = 1;
    return attr;
}

} // namespace

Result<Breakpoint> Breakpoint::open(const BreakpointSpec& spec, int program_fd) {
    perf_event_attr attr = attributes(spec);
    OwnedFd fd(static_cast<int>(::syscall(SYS_perf_event_open, &attr, spec.pid, spec.cpu, -1,
                                          static_cast<unsigned long>(PERF_FLAG_FD_CLOEXEC))));
    if (!fd) return open_error(spec, errno);
    if (::ioctl(fd.get(), PERF_EVENT_IOC_SET_BPF, program_fd) != 0)
        return arm_error(fmt::format("attach the hit program on CPU {}", spec.cpu), "the kernel refused it",
                         "run `stakeout doctor`", errno);
    return Breakpoint(std::move(fd));
}

Status Breakpoint::enable(int limit) const {
    const int answer = limit > 0 ? ::ioctl(fd_.get(), PERF_EVENT_IOC_REFRESH, limit)
                                 : ::ioctl(fd_.get(), PERF_EVENT_IOC_ENABLE, 0);
    if (answer != 0)
        return arm_error("enable a watchpoint", "the kernel refused it", "run `stakeout doctor`", errno);
    return done();
}

Status Breakpoint::grant_more(int hits) const {
    if (::ioctl(fd_.get(), PERF_EVENT_IOC_REFRESH, hits) != 0)
        return internal_error("refill a watchpoint's limit", "the kernel refused it", errno);
    return done();
}

// The kernel compares all but address, type, length and `disabled` with what the event was opened with.
Status Breakpoint::move(const BreakpointSpec& spec) const {
    perf_event_attr attr = attributes(spec);
    attr.disabled = 0;
    if (::ioctl(fd_.get(), PERF_EVENT_IOC_MODIFY_ATTRIBUTES, &attr) != 0) return open_error(spec, errno);
    return done();
}

void Breakpoint::disable() const {
    if (fd_) ::ioctl(fd_.get(), PERF_EVENT_IOC_DISABLE, 0);
}

std::uint64_t Breakpoint::count() const {
    std::uint64_t count = 0;
    if (!fd_ || ::read(fd_.get(), &count, sizeof(count)) != static_cast<ssize_t>(sizeof(count))) return 0;
    return count;
}

} // namespace stakeout
