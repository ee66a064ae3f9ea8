#include "loader/predicate/when_instructions.h"

#include <linux/bpf.h>

namespace stakeout {

std::uint8_t instruction_of(WhenOperator op, bool is_signed) {
    switch (op) {
    case WhenOperator::BitOr:
        return BPF_OR;
    case WhenOperator::BitXor:
        return BPF_XOR;
    case WhenOperator::BitAnd:
        return BPF_AND;
    case WhenOperator::ShiftLeft:
        return BPF_LSH;
    case WhenOperator::ShiftRight:
        return is_signed ? BPF_ARSH : BPF_RSH;
    case WhenOperator::Add:
        return BPF_ADD;
    case WhenOperator::Subtract:
        return BPF_SUB;
    case WhenOperator::Multiply:
        return BPF_MUL;
    case WhenOperator::Divide:
        return BPF_DIV;
    default:
        return BPF_MOD;
    }
}

WhenOperator opposite(WhenOperator comparison) {
    switch (comparison) {
    case WhenOperator::Equal:
        return WhenOperator::NotEqual;
    case WhenOperator::NotEqual:
        return WhenOperator::Equal;
    case WhenOperator::Less:
        return WhenOperator::GreaterEqual;
    case WhenOperator::LessEqual:
        return WhenOperator::Greater;
    case WhenOperator::Greater:
        return WhenOperator::LessEqual;
    default:
        return WhenOperator::Less;
    }
}

std::uint8_t condition_of(WhenOperator comparison, bool is_signed) {
    switch (comparison) {
    case WhenOperator::Equal:
        return BPF_JEQ;
    case WhenOperator::NotEqual:
        return BPF_JNE;
    case WhenOperator::Less:
        return is_signed ? BPF_JSLT : BPF_JLT;
    case WhenOperator::LessEqual:
        return is_signed ? BPF_JSLE : BPF_JLE;
    case WhenOperator::Greater:
        return is_signed ? BPF_JSGT : BPF_JGT;
    default:
        return is_signed ? BPF_JSGE : BPF_JGE;
    }
}

} // namespace stakeout
