// Where a sleeping thread is in its program now, without stopping it: no ptrace, which a process in trouble
// may not survive.
//
// Its registers lie at the top of its kernel stack since it entered the kernel; its memory is read with
// process_vm_readv; the frames are found by libdwfl with the program's call frame information, so that the C
// library, which has no frame pointers, does not hide its callers. A thread that wakes up meanwhile gives a
// wrong stack or none; it is checked before and after that it sleeps at the same place.
#pragma once

#include "loader/kernel_peek.h"
#include "scripts/deadlock/kernel_layout.h"
#include "scripts/deadlock/task_table.h"
#include "watchpoints/hit/hit.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace stakeout {

class UserUnwinder {
  public:
    // Both must outlive it.
    UserUnwinder(const KernelPeek& peek, const KernelLayout& layout);
    ~UserUnwinder();
    UserUnwinder(const UserUnwinder&) = delete;
    UserUnwinder& operator=(const UserUnwinder&) = delete;

    // Reads the process's mapped files again at the next call: it may have loaded libraries since.
    void notice_new_libraries();

    // Instruction pointers, innermost first, all but the first return addresses. Empty: it runs, or has no
    // user mode.
    [[nodiscard]] std::vector<std::uint64_t> unwind(const so_task& task);
    // The stack as it was at a hit in user mode, from what deadlock.bpf.c took along; as far as that reaches.
    // Empty: the hit has nothing of that, or its process is gone and was never seen alive.
    [[nodiscard]] std::vector<std::uint64_t> unwind(std::uint32_t pid, std::uint32_t tid, std::uint64_t ip,
                                                    const ScriptSays& captured);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace stakeout
