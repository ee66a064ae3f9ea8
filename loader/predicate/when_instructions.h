// Which BPF instruction an operator of --when is.
#pragma once

#include "loader/predicate/when_types.h"

#include <cstdint>

namespace stakeout {

// BPF_ADD, BPF_ARSH ...; BPF_DIV and BPF_MOD divide unsigned numbers only.
[[nodiscard]] std::uint8_t instruction_of(WhenOperator op, bool is_signed);

// BPF_JEQ, BPF_JSLT ...
[[nodiscard]] std::uint8_t condition_of(WhenOperator comparison, bool is_signed);

// The comparison that holds where that one does not.
[[nodiscard]] WhenOperator opposite(WhenOperator comparison);

} // namespace stakeout
