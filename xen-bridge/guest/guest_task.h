// The guest's tasks: who runs on a vCPU, and whose page tables a process has.
//
// Everything comes from a kernel that runs on: what is read is checked, and what does not look like a task is
// absent.
#pragma once

#include "base/result.h"
#include "xen-bridge/guest/guest_types.h"

#include <cstdint>
#include <optional>
#include <string>

namespace stakeout {

struct GuestTask {
    std::uint32_t pid = 0;     // of the process (the kernel's tgid), in the guest's initial PID namespace
    std::uint32_t tid = 0;     // of the thread (the kernel's pid)
    std::string comm;          // as the guest has it: up to 15 bytes
    std::uint64_t address = 0; // of the task_struct
    std::uint64_t stack = 0;   // lowest address of its kernel stack
    std::uint64_t mm = 0;      // of its mm_struct; 0: a kernel thread
};

// The task at an address. nullopt: what is there does not look like one (its addresses, numbers and name are
// checked).
std::optional<GuestTask> task_at(GuestMemory& memory, const TaskFinder& finder, std::uint64_t address);

// Who runs on the vCPU whose kernel GS base is `gs_base` (in user mode: the one SWAPGS brings; a PV vCPU's
// context has it as gs_base_kernel, registers.h has kernel_gs_base()). nullopt: `gs_base` is no CPU's per-CPU
// area, or no task is found through it.
std::optional<GuestTask> current_task(GuestMemory& memory, const TaskFinder& finder, std::uint64_t gs_base);
// The guest's number of the CPU with that per-CPU area, by the kernel's table of them (8,192 at most).
std::optional<std::uint32_t> cpu_of(GuestMemory& memory, const TaskFinder& finder, std::uint64_t gs_base);

struct GuestProcess {
    GuestTask task; // the thread group's leader
    // With the process's own memory in it, as its kernel side sees it: pages of the user count as not
    // executable where the guest's kernel has PTI.
    PageTables tables;
};
// By the number that ps shows inside the guest (initial PID namespace). Error (CannotArm): no such process,
// it is a kernel thread, or the list of tasks cannot be followed to its end.
Result<GuestProcess> find_process(GuestMemory& memory, const TaskFinder& finder, std::uint32_t pid);

} // namespace stakeout
