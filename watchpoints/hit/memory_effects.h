// Which memory an instruction touched, seen from *after* it: registers have their new values.
#pragma once

#include "bpf/record.h"
#include "watchpoints/hit/disassembler.h"
#include "watchpoints/hit/hit.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace stakeout {

struct MemoryEffect {
    std::optional<std::uint64_t>
        address; // absent: the registers that made it are gone, or a segment base is unknown
    std::uint64_t before =
        0; // earlier iterations of a REP form may have touched this many bytes before `address`
    std::uint64_t bytes = 0;
    std::uint64_t after = 0; // and this many after address + bytes
    bool writes = false;     // also when it reads first, or writes only on a condition
};

// Loads and stores of one instruction that has run (or, a REP form, whose last iteration so far has run), in
// the operands' order. Empty: it touches no memory; lea, nop [rax], prefetch and cache-line flushes do not.
//
// A conditional store counts as a write: a failing lock cmpxchg writes the old value back (the CPU always
// makes the write cycle and the debug register traps it), and a masked-out lane does not trap in the first
// place.
std::vector<MemoryEffect> memory_effects(const Disassembler& disassembler, const Decoded& decoded,
                                         const so_regs& after);

enum class Fit { No, Possible, Yes }; // Possible: it touches memory whose address cannot be told any more

struct FittingAccess {
    Fit fit = Fit::No;
    Access access = Access::Unknown;
};

// Did one of these effects touch [address, address + length), and how?
FittingAccess fit_effects(const std::vector<MemoryEffect>& effects, std::uint64_t address,
                          std::uint32_t length);

} // namespace stakeout
