#include "watchpoints/arm/warm_up.h"

#include "base/owned_fd.h"

#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>

#include <bit>
#include <chrono>
#include <cstdint>

namespace stakeout {
namespace {

alignas(8) volatile std::uint64_t word; // never written

OwnedFd open_event(int pid, int cpu) {
    perf_event_attr attr{};
    attr.type = PERF_TYPE_BREAKPOINT;
    attr.size = sizeof(attr);
    attr.sample_period = 1;
    attr.bp_type = HW_BREAKPOINT_W;
    attr.bp_addr = std::bit_cast<std::uintptr_t>(&word);
    attr.bp_len = HW_BREAKPOINT_LEN_8;
    attr.disabled = 1;
    attr.exclude_kernel = 1;
    return OwnedFd(
        static_cast<int>(::syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
}

void keep_cpu_warm(const std::stop_token& stop) {
    constexpr std::chrono::milliseconds less_than_a_grace_period{2};
    while (!stop.stop_requested()) {
        if (!open_event(-1, 0)) return; // no right, no slot or no such CPU: arming will say so
        std::this_thread::sleep_for(less_than_a_grace_period);
    }
}

} // namespace

WarmUp::WarmUp() : task_([] { (void)open_event(0, -1); }), cpu_(keep_cpu_warm) {}

void WarmUp::finish() {
    cpu_.request_stop();
    if (task_.joinable()) task_.join();
    if (cpu_.joinable()) cpu_.join();
}

} // namespace stakeout
