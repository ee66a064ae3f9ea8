#include "xen-bridge/guest/guest_task.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <string_view>

namespace stakeout {
namespace {

constexpr std::uint32_t most_pid = 4U << 20; // PID_MAX_LIMIT
constexpr std::size_t most_tasks = 1U << 20;
constexpr std::uint32_t most_cpus = 8192; // CONFIG_NR_CPUS of MAXSMP
constexpr int attempts = 3;               // a list that changes while it is followed

bool is_kernel_pointer(std::uint64_t address, int levels) {
    return (address >> 63) != 0 && address % 8 == 0 && is_canonical(address, levels);
}

// "" for what is no name.
std::string name_in(std::span<const std::uint8_t> bytes) {
    const auto end = std::find(bytes.begin(), bytes.end(), 0);
    if (end == bytes.end() || end == bytes.begin()) return {};
    if (std::any_of(bytes.begin(), end, [](std::uint8_t c) { return c < ' ' || c == 0x7f; })) return {};
    return {bytes.begin(), end};
}

// One pass over the list. An Error only for a list that cannot be followed.
Result<std::optional<GuestTask>> look_for(GuestMemory& memory, const TaskFinder& finder, std::uint32_t pid) {
    const std::string tried = fmt::format("find process {} in the guest", pid);
    const std::uint64_t head = finder.init_task + finder.offsets.tasks;
    std::uint64_t at = head, earlier = head; // where we were when the count was a power of two
    for (std::size_t count = 1; count < most_tasks; ++count) {
        const auto next = memory.read<std::uint64_t>(at);
        if (!next) return arm_error(tried, fmt::format("the list of tasks cannot be read at {:#x}", at));
        if (*next == head) return std::optional<GuestTask>();
        at = *next;
        if (at == earlier) break; // a ring without its head
        if (std::has_single_bit(count)) earlier = at;
        const auto task = task_at(memory, finder, at - finder.offsets.tasks);
        if (!task)
            return arm_error(tried, fmt::format("the list of tasks leads to {:#x}, where there is none", at));
        if (task->pid == pid && task->tid == pid) return std::optional(task);
    }
    return arm_error(tried, "the list of tasks has no end");
}

} // namespace

std::optional<GuestTask> task_at(GuestMemory& memory, const TaskFinder& finder, std::uint64_t address) {
    const int levels = memory.tables().levels;
    if (!is_kernel_pointer(address, levels)) return std::nullopt;
    const TaskOffsets& at = finder.offsets;
    const auto pid = memory.read<std::uint32_t>(address + at.tgid);
    const auto tid = memory.read<std::uint32_t>(address + at.pid);
    const auto stack = memory.read<std::uint64_t>(address + at.stack);
    const auto mm = memory.read<std::uint64_t>(address + at.mm);
    std::array<std::uint8_t, 16> comm{};
    if (!pid || !tid || !stack || !mm || memory.read(address + at.comm, comm) != comm.size())
        return std::nullopt;
    GuestTask task{*pid, *tid, name_in(comm), address, *stack, *mm};
    const bool idle = task.pid == 0 || task.tid == 0; // swapper/N: both are 0
    if (task.pid > most_pid || task.tid > most_pid || (idle && task.pid != task.tid) || task.comm.empty())
        return std::nullopt;
    // A dead task's stack is gone before the task is.
    if (task.stack != 0 && (!is_kernel_pointer(task.stack, levels) || task.stack % guest_page_bytes != 0))
        return std::nullopt;
    if (task.mm != 0 && !is_kernel_pointer(task.mm, levels)) return std::nullopt;
    return task;
}

std::optional<GuestTask> current_task(GuestMemory& memory, const TaskFinder& finder, std::uint64_t gs_base) {
    if ((gs_base >> 63) == 0 || gs_base % guest_page_bytes != 0) return std::nullopt;
    if (finder.per_cpu_offset != 0 && !cpu_of(memory, finder, gs_base)) return std::nullopt;
    const auto address = memory.read<std::uint64_t>(gs_base + finder.current_task);
    if (!address) return std::nullopt;
    return task_at(memory, finder, *address);
}

std::optional<std::uint32_t> cpu_of(GuestMemory& memory, const TaskFinder& finder, std::uint64_t gs_base) {
    if (finder.per_cpu_offset == 0) return std::nullopt;
    for (std::uint32_t cpu = 0; cpu < most_cpus; ++cpu) {
        const auto base = memory.read<std::uint64_t>(finder.per_cpu_offset + std::uint64_t{cpu} * 8);
        if (!base) return std::nullopt;
        if (*base == gs_base) return cpu;
    }
    return std::nullopt;
}

Result<GuestProcess> find_process(GuestMemory& memory, const TaskFinder& finder, std::uint32_t pid) {
    const std::string tried = fmt::format("find process {} in the guest", pid);
    Result<std::optional<GuestTask>> found = std::optional<GuestTask>();
    for (int attempt = 0; attempt < attempts; ++attempt) {
        memory.forget();
        found = look_for(memory, finder, pid);
        if (found) break;
    }
    if (!found) return std::move(found).error();
    if (!*found)
        return arm_error(tried, "it has no process of that number",
                         "name the process's pid (not a thread's) as ps shows it in the guest itself");
    const GuestTask& task = **found;
    if (task.mm == 0)
        return arm_error(tried, fmt::format("{} is a kernel thread and has no memory of its own", task.comm));
    const auto pgd = memory.read<std::uint64_t>(task.mm + finder.offsets.pgd);
    if (!pgd) return arm_error(tried, fmt::format("its mm_struct at {:#x} cannot be read", task.mm));
    // A kernel address in all guests; what the guest's own tables make of it is the frame (PV: a machine
    // frame).
    auto page = memory.page(*pgd);
    if (!page) return arm_error(tried, fmt::format("its page tables: {}", page.error().cause));
    return GuestProcess{task, {page->frame, memory.tables().levels}};
}

} // namespace stakeout
