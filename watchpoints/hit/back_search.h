// The instruction that ends at an address, when it is not known where the code before it begins.
//
// x86 code can be read backwards in several ways: "48 89 07" is a mov of eight bytes, and "89 07" within it
// one of four. But decoding forwards from almost any byte falls into step with the real instructions after a
// few of them. So every byte in the window is tried as a beginning, and each such chain that arrives at the
// address votes for the instruction it came by.
#pragma once

#include "watchpoints/hit/code_window.h"
#include "watchpoints/hit/disassembler.h"
#include "watchpoints/hit/memory_effects.h"

#include <cstdint>
#include <functional>
#include <optional>

namespace stakeout {

using Judge = std::function<Fit(const Decoded&)>;

// Of the instructions that end at `end`: the one that the judge is sure of (Yes), with the most votes where
// there are several (not at a tie), and a quarter of all at least; else one that is Possible and has more
// than half of them.
std::optional<Decoded> search_back(const Disassembler& disassembler, const CodeWindow& window,
                                   std::uint64_t end, const Judge& judge);

// The last instruction of a linear sweep over [start, end). `in_step`: everything decoded and the sweep
// arrived exactly at `end`, so that this *is* the instruction before it.
struct Swept {
    std::optional<Decoded> last;
    bool in_step = false;
};
Swept sweep(const Disassembler& disassembler, std::uint64_t start, std::uint64_t end, const CodeReader& code);

} // namespace stakeout
