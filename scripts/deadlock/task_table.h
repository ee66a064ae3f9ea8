// All tasks of the machine at one moment, by thread id and by address; and what /proc tells of one.
#pragma once

#include "loader/object_finder.h"
#include "scripts/deadlock/lock.h"
#include "watchpoints/hit/hit.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace stakeout {

class TaskTable {
  public:
    static Result<TaskTable> read(); // some 20 ms. Error: CannotArm

    [[nodiscard]] const so_task* by_tid(std::uint32_t tid) const;
    [[nodiscard]] const so_task* by_address(std::uint64_t task) const;
    // Is the address on some task's kernel stack?
    [[nodiscard]] bool on_a_stack(std::uint64_t address) const;
    [[nodiscard]] std::vector<std::uint32_t> threads_of(std::uint32_t pid) const;

  private:
    std::vector<so_task> tasks_;
    std::unordered_map<std::uint32_t, std::size_t> by_tid_;
    std::unordered_map<std::uint64_t, std::size_t> by_address_;
    std::vector<std::uint64_t> stacks_; // sorted
};

constexpr std::uint64_t kernel_stack_bytes = 16384; // THREAD_SIZE on x86-64, without KASAN

TaskName name_of(const so_task& task);

// The system call that a task sleeps in, /proc/TID/syscall. Absent: it runs, or is gone.
struct SleepingCall {
    long number = -1; // -1: not in a system call
    std::uint64_t arguments[6]{};
    std::uint64_t sp = 0, pc = 0; // of user mode
};
std::optional<SleepingCall> sleeping_call(std::uint32_t tid);
std::optional<SleepingCall> parse_sleeping_call(std::string_view text);

// Frames of /proc/TID/stack, "[<0>] name+0x1/0x2 [module]"; empty while the task runs: its stack moves.
std::vector<Frame> kernel_stack_of(std::uint32_t tid);
std::vector<Frame> parse_kernel_stack(std::string_view text);

// State letter and last CPU of /proc/TID/stat; state 0: the task is gone. Z and X are dead already.
struct TaskState {
    char state = 0;
    int cpu = -1;
    [[nodiscard]] bool lives() const { return state != 0 && state != 'Z' && state != 'X'; }
};
TaskState state_of(std::uint32_t tid);

} // namespace stakeout
