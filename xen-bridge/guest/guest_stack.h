// The kernel stack of a hit in a guest, without its unwind tables.
//
// Three ways, and the result says which was taken. Frame pointers, where the guest's kernel has them: the
// chain of saved base pointers must lie within the stack and rise, and each return address must follow a call
// in the kernel's text. Else the words of the stack are looked through for addresses of kernel text behind a
// call; those of them that call each other from the instruction pointer to an entry of the kernel are the
// stack (stack_links.h). Where there is no such chain, all are given: the callers, and among them what
// earlier calls have left behind.
#pragma once

#include "watchpoints/hit/hit.h"
#include "watchpoints/target/kernel_symbols.h"
#include "xen-bridge/guest/guest_memory.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace stakeout {

enum class StackWay { None, FramePointers, Linked, Scanned };

struct GuestStack {
    std::vector<Frame> frames; // innermost first; the first is the instruction pointer itself
    StackWay way = StackWay::None;
};

struct StackQuestion {
    std::uint64_t ip = 0, sp = 0, bp = 0;
    std::optional<std::uint64_t>
        stack_base; // lowest address of the task's stack (GuestTask::stack), where known
    std::size_t most_frames = 48;
};

// Empty (StackWay::None) for an `ip` in user mode. At most 16 KiB are looked at: to the end of the task's
// stack if `sp` lies in it, else (interrupt stacks) to the next multiple of 16 KiB, or to what is not mapped.
GuestStack kernel_stack(GuestMemory& memory, const KernelSymbols& symbols, const StackQuestion& question);

// One frame, symbolised; `is_return_address` as in Symboliser.
Frame guest_frame(const KernelSymbols& symbols, std::uint64_t ip, bool is_return_address);

} // namespace stakeout
