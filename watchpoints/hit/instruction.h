// Which instruction made an access, and did it read or write?
//
// x86 reports a data breakpoint after the access: the saved instruction pointer is that of the *next*
// instruction to run (inside a REP string instruction, of the instruction itself). So the accessing
// instruction has to be found by looking back: by a linear sweep from the start of the function, where one is
// known, else by trying every length that ends at the pointer; and where the access was a call's or a jump's,
// at the return address on the stack.
//
// Guaranteed: an instruction is returned only if it ends (or, for REP forms, begins) where the CPU says and
// touches memory, and, where its effective address can be computed from the registers, touches the watched
// bytes. What cannot be decided is Access::Unknown or no instruction at all, never a guess.
#pragma once

#include "bpf/record.h"
#include "watchpoints/hit/hit.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

namespace stakeout {

// Copies code bytes at `address`; returns how many it could (0: unreadable).
using CodeReader = std::function<std::size_t(std::uint64_t address, std::span<std::uint8_t> into)>;

struct AccessQuestion {
    so_regs regs{};                              // after the access
    std::uint64_t address = 0;                   // first watched byte
    std::uint32_t length = 0;                    // watched bytes
    std::optional<std::uint64_t> function_start; // of the symbol that holds regs.ip; absent: unknown
    std::optional<std::uint64_t> stack_top;      // the word at regs.sp
    // start of the function that holds an address (for return addresses); nullopt: unknown
    std::function<std::optional<std::uint64_t>(std::uint64_t)> start_of_function;
};

struct LocatedAccess {
    Instruction instruction;
    Access access = Access::Unknown;
};

// nullopt: no instruction that fits was found.
std::optional<LocatedAccess> locate_access(const AccessQuestion& question, const CodeReader& code);

// Text of the instruction at `address`, for execute breakpoints. nullopt: unreadable or not an instruction.
std::optional<Instruction> instruction_at(std::uint64_t address, const CodeReader& code);

// Absolute addresses of the RIP-relative memory operands in [start, start + size), in order of appearance,
// without repetition: the global data that a function's text refers to (FACTS: how a hidden data symbol is
// found).
struct DataReference {
    std::uint64_t instruction = 0;
    std::uint64_t address = 0;
    std::uint32_t width = 0; // bytes
    std::string text;
};
std::vector<DataReference> data_references(std::uint64_t start, std::size_t size, const CodeReader& code);

} // namespace stakeout
