#include "watchpoints/arm/slot_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace stakeout {

std::vector<Slot> cover(std::uint64_t address, std::uint64_t size, std::size_t target) {
    // Greedy is optimal: the largest aligned block that begins here and fits is part of every minimal cover.
    std::vector<Slot> slots;
    while (size > 0) {
        const std::uint64_t by_alignment = address == 0 ? 8 : std::uint64_t{1} << std::countr_zero(address);
        std::uint64_t length = std::min<std::uint64_t>({8, by_alignment, std::bit_floor(size)});
        slots.push_back({address, static_cast<std::uint32_t>(length), target});
        address += length;
        size -= length;
        if (slots.size() > 4096) break; // a range of 32 KiB: only its count is of interest
    }
    return slots;
}

Result<std::vector<Slot>> plan_slots(std::span<const Target> targets, AccessKind kind) {
    std::vector<Slot> plan;
    std::string needs;
    for (std::size_t i = 0; i < targets.size(); ++i) {
        std::vector<Slot> slots;
        if (kind == AccessKind::Execute)
            slots.push_back(
                {targets[i].address, 8, i}); // the kernel wants sizeof(long) for execute breakpoints
        else
            slots = cover(targets[i].address, targets[i].size, i);
        if (!needs.empty()) needs += ", ";
        const std::string address = fmt::format("{:#x}", targets[i].address);
        needs += fmt::format("{} for {} ({} bytes{})", slots.size(), targets[i].name, targets[i].size,
                             targets[i].name.starts_with(address) ? "" : " at " + address);
        plan.insert(plan.end(), slots.begin(), slots.end());
    }
    if (plan.size() <= slots_per_cpu) return plan;
    return arm_error(
        "plan the debug registers",
        fmt::format("this watch would take {} slots and a CPU has {}: {}", plan.size(), slots_per_cpu, needs),
        "watch fewer or smaller targets; a slot covers 1, 2, 4 or 8 aligned bytes");
}

} // namespace stakeout
