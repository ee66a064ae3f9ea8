#include "tools/stakeout/arm_when_free.h"

#include "keeper/slot_queue.h"
#include "tools/stakeout/slot_holders.h"
#include "watchpoints/arm/free_slots.h"
#include "watchpoints/arm/online_cpus.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace stakeout {
namespace {

constexpr int look_again_ms = 200;

bool any_slot_free() {
    auto cpus = online_cpus();
    return cpus && std::ranges::all_of(*cpus, [](std::uint32_t cpu) {
               auto free = free_slots(cpu);
               return free && *free > 0;
           });
}

} // namespace

Result<std::unique_ptr<Watch>> arm_when_free(const WatchRequest& request, std::chrono::nanoseconds patience,
                                             int stop_fd, const Error& refused) {
    using Clock = std::chrono::steady_clock;
    auto queue = SlotQueue::join();
    if (!queue) return std::move(queue).error();
    Error told = refused;
    name_slot_holders(told);
    fmt::print(stderr, "stakeout: waiting for a slot, {} before us: {}\n", queue->ahead(), told.cause);
    const auto began = Clock::now();
    for (;;) {
        pollfd stop{stop_fd, POLLIN, 0};
        if (::poll(&stop, 1, look_again_ms) > 0)
            return arm_error("wait for a slot", "it was asked to end", "");
        if (Clock::now() - began >= patience) return refused;
        if (queue->ahead() != 0 || !any_slot_free()) continue;
        auto watch = Watch::arm(request);
        if (watch || watch.error().errno_value != ENOSPC) return watch;
    }
}

} // namespace stakeout
