// Which of the return addresses on a stack belong together: those whose calls lead from one to the next.
//
// A stack that is only looked through shows, among the true callers, what earlier calls have left behind. But
// the call before a return address says whom it called: the true caller of a frame has called that frame's
// function, directly, or in a way that cannot be told (through a pointer), or a function that jumps on to it
// at its end, or through others. A chain of such calls from the instruction pointer to where the kernel is
// entered is almost certainly the stack as it is.
#pragma once

#include "watchpoints/hit/instruction.h"
#include "watchpoints/target/kernel_symbols.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace stakeout {

class StackLinks {
  public:
    StackLinks(const KernelSymbols& symbols, CodeReader code) : symbols_(symbols), code_(std::move(code)) {}

    // `candidates`: return addresses, each behind a call, from the stack pointer up. Those of a chain that
    // begins at `ip` and ends in an entry of the kernel (system call, exception, start of a thread or CPU);
    // of several the one with the most calls whose target is known and the fewest through pointers, then the
    // nearest. Empty: there is none.
    std::vector<std::uint64_t> chain(std::uint64_t ip, std::span<const std::uint64_t> candidates);

  private:
    struct Call { // one candidate
        std::uint64_t return_address = 0;
        std::optional<std::uint64_t> target; // absent: through a pointer
        std::optional<std::uint64_t> caller; // start of the function that the call is in
        bool entry = false;
        std::optional<int> score; // of the best chain from here to an entry; absent: there is none
        std::size_t next = 0;     // its next call
    };
    Call call_before(std::uint64_t return_address) const;
    // Did this call lead into the function? 1: yes; -1: perhaps, through a pointer; nullopt: no.
    std::optional<int> link(const Call& call, std::uint64_t function);
    // The best of calls[from...] as the caller of `function`: its score and index.
    std::optional<std::pair<int, std::size_t>> best_caller(const std::vector<Call>& calls, std::size_t from,
                                                           std::uint64_t function);

    // Where a function jumps to at its ends instead of calling.
    struct Jumps {
        std::vector<std::uint64_t> targets; // starts of functions
        bool anywhere = false;              // through a pointer
    };
    const Jumps& jumps_of(std::uint64_t function);
    std::optional<int> jump(std::uint64_t from, std::uint64_t function, int depth); // as link()
    // Start of the function that holds an address; of a part that was moved away (".cold"), of the whole one.
    [[nodiscard]] std::optional<std::uint64_t> function_of(std::uint64_t address) const;
    [[nodiscard]] bool is_entry(std::uint64_t address) const;
    [[nodiscard]] bool is_trampoline(std::uint64_t target) const;

    const KernelSymbols& symbols_;
    CodeReader code_;
    std::map<std::uint64_t, Jumps> jumps_; // by the function's start
    std::size_t code_bytes_ = 0;           // looked at for them
    std::size_t jumps_tried_ = 0;
};

} // namespace stakeout
