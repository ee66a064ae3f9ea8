// A kernel's own symbol table, found and decoded in its memory: what /proc/kallsyms would show inside the
// guest.
//
// Linux keeps its symbols compressed in .rodata (CONFIG_KALLSYMS). The tables have no header and no fixed
// place; their order has changed over time, so they are recognised by structure, and each must agree with its
// neighbours:
//
//   5.x, 6.1   offsets, relative_base, num_syms, names, markers, token_table, token_index
//   6.2, 6.3   the same with seqs_of_names between markers and token_table (60443c88f3a8; in 6.1.y's later
//   releases too) 6.4 on     num_syms, names, markers, token_table, token_index, offsets, relative_base,
//   seqs_of_names (404bad70fcf7)
//
//   names      each a length (one byte; two, in ULEB128, for 128 and more: 73bbb94466fd) and that many
//   tokens' numbers; the
//              first character is the type as nm(1) shows it
//   markers    u32: where in names every 256th symbol begins
//   offsets    s32: address = relative_base - 1 - offset where negative, else the offset is the address
//   (per-CPU symbols:
//              CONFIG_KALLSYMS_ABSOLUTE_PERCPU); from 6.15 u32: address = relative_base + offset
//              (01157ddc58dc); also understood: without relative_base, relative to the offset's own place
//
// Kernels before 4.20 (markers of 8 bytes) are not understood. Memory: about 16 MB for 150,000 symbols, 100
// MB at most, whatever the guest's memory holds; time is bounded as well.
#pragma once

#include "base/result.h"
#include "watchpoints/hit/instruction.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace stakeout {

struct KallsymsTables {
    std::string text; // as /proc/kallsyms prints it: what KernelSymbols::parse() takes
    std::size_t symbols = 0;
    std::uint64_t token_table = 0; // address of the first token
    enum class Order { OffsetsFirst, OffsetsLast } order = Order::OffsetsFirst;
    enum class Addresses { AbsolutePerCpu, Relative, PlaceRelative } addresses = Addresses::AbsolutePerCpu;
};

// Searches [start, end) of the guest kernel's virtual memory (text to end of the image; at most 1 GiB).
// Modules' symbols are not in these tables. Error (CannotArm): no such tables, or what looks like some does
// not agree with itself.
Result<KallsymsTables> find_kallsyms(const CodeReader& memory, std::uint64_t start, std::uint64_t end);

} // namespace stakeout
