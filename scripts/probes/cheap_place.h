// Where a uprobe is cheap: the kernel emulates some instructions (push, nop, jumps;
// arch/x86/kernel/uprobes.c, push_setup_xol_ops and branch_setup_xol_ops), and single-steps all others, which
// takes a second exception. In a virtual machine that second one is ten times as dear as the first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace stakeout {

// Bytes from a function's entry to an instruction that can be emulated, that every call with a first argument
// other than null passes, and at which that argument is still in its register. 0, the entry itself, where
// none is found.
std::size_t cheap_place(std::span<const std::uint8_t> code);

} // namespace stakeout
