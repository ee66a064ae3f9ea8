// Kernel objects' addresses, from BPF iterators (bpf/finders.bpf.c): tasks, open files, perf breakpoint
// events. Each call loads, runs and unloads its program; costs some 20 ms, most of it libbpf reading the
// kernel's BTF.
#pragma once

#include "base/result.h"
#include "bpf/found.h"

#include <cstdint>
#include <vector>

namespace stakeout {

// All tasks (threads), or the one with that thread id (empty if there is none). Error: CannotArm.
Result<std::vector<so_task>> find_tasks(std::uint32_t only_tid = 0);

// Address of the task_struct of a task; 0: there is none. The boot CPU's idle task (0, init_task) is in no
// list, but it is kthreadd's parent. Error: CannotArm.
Result<std::uint64_t> find_task_address(std::uint32_t tid);

// The open file behind a descriptor of a process (empty if there is none). Error: CannotArm.
Result<std::vector<so_file>> find_file(std::uint32_t tgid, int fd);

// Every descriptor on the machine that holds a perf breakpoint event. Error: CannotArm.
Result<std::vector<so_file>> find_breakpoint_files();

} // namespace stakeout
