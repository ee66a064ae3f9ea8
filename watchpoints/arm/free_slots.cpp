#include "watchpoints/arm/free_slots.h"

#include "base/owned_fd.h"
#include "watchpoints/arm/slot_plan.h"

#include <fmt/format.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <vector>

namespace stakeout {

Result<int> free_slots(std::uint32_t cpu) {
    alignas(8) static std::uint64_t word = 0;
    std::vector<OwnedFd> taken;
    while (taken.size() < slots_per_cpu) {
        perf_event_attr attr{};
        attr.size = sizeof(attr);
        attr.type = PERF_TYPE_BREAKPOINT;
        attr.sample_period = 1;
        attr.bp_type = HW_BREAKPOINT_W;
        attr.bp_addr = std::bit_cast<std::uintptr_t>(&word);
        attr.bp_len = HW_BREAKPOINT_LEN_8;
        attr.disabled = 1; // a disabled event reserves its slot all the same
        OwnedFd fd(static_cast<int>(::syscall(SYS_perf_event_open, &attr, -1, static_cast<int>(cpu), -1,
                                              static_cast<unsigned long>(PERF_FLAG_FD_CLOEXEC))));
        if (!fd && errno == ENOSPC) break;
        if (!fd)
            return arm_error(fmt::format("count the free debug registers of CPU {}", cpu),
                             "opening a perf event failed", "run it as root", errno);
        taken.push_back(std::move(fd));
    }
    return static_cast<int>(taken.size());
}

} // namespace stakeout
