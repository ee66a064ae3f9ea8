// The address a memory operand had, computed from the registers as they are after the instruction.
#pragma once

#include "bpf/record.h"
#include "watchpoints/hit/disassembler.h"

#include <cstdint>
#include <optional>

namespace stakeout {

// nullopt: a register it was made of has been overwritten by the instruction itself, or it has a segment base
// (fs:, gs:) or a vector index that the record does not hold.
std::optional<std::uint64_t> effective_address(const Disassembler& disassembler, const Decoded& decoded,
                                               const ZydisDecodedOperand& operand, const so_regs& after);

// A string instruction (movs, stos, ins ...); the REP-prefixed ones stay on their address between iterations.
bool is_string(const Decoded& decoded);
bool is_repeated_string(const Decoded& decoded);

// Value of a 64-bit general register; 0 for others.
std::uint64_t register_value(const so_regs& regs, ZydisRegister whole);

} // namespace stakeout
