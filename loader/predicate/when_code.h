// A --when expression as BPF instructions.
#pragma once

#include "loader/predicate/bpf_assembler.h"
#include "loader/predicate/when_expression.h"

#include <vector>

namespace stakeout {

// Judges the hit to which R7 points. Goes on behind the code where the expression is true, jumps where it is
// false or cannot be judged. Overwrites R0 to R5, R8, R9 and the stack.
void emit_when(BpfAssembler& code, const std::vector<WhenNode>& tree, BpfAssembler::Label is_false,
               BpfAssembler::Label cannot_judge);

} // namespace stakeout
