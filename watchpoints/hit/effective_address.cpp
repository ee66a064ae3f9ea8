#include "watchpoints/hit/effective_address.h"

#include <algorithm>

namespace stakeout {
namespace {

bool writes(const ZydisDecodedOperand& operand) {
    return (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
}

bool is_stack_operand(const ZydisDecodedOperand& operand) {
    return operand.type == ZYDIS_OPERAND_TYPE_MEMORY &&
           operand.visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && operand.mem.base == ZYDIS_REGISTER_RSP;
}

const ZydisDecodedOperand* stack_operand(const Decoded& decoded) {
    const auto all = decoded.operands();
    const auto found = std::find_if(all.begin(), all.end(), is_stack_operand);
    return found == all.end() ? nullptr : &*found;
}

bool overwritten(const Disassembler& disassembler, const Decoded& decoded, ZydisRegister whole,
                 bool explicit_only) {
    return std::any_of(decoded.operands().begin(), decoded.operands().end(),
                       [&](const ZydisDecodedOperand& operand) {
                           if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER || !writes(operand)) return false;
                           if (explicit_only && operand.visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN)
                               return false;
                           return disassembler.whole_register(operand.reg.value) == whole;
                       });
}

// rsp before a push, call, pop or ret.
std::optional<std::uint64_t> stack_pointer_before(const Disassembler& disassembler, const Decoded& decoded,
                                                  const so_regs& after) {
    const ZydisDecodedOperand* stack = stack_operand(decoded);
    if (stack == nullptr) {
        if (overwritten(disassembler, decoded, ZYDIS_REGISTER_RSP, false)) return std::nullopt;
        return after.sp;
    }
    if (overwritten(disassembler, decoded, ZYDIS_REGISTER_RSP, true)) return std::nullopt; // pop rsp
    const std::uint64_t word = stack->size / 8;
    if (writes(*stack)) return after.sp + word;
    std::uint64_t dropped = 0; // ret 16
    if (decoded.instruction.meta.category == ZYDIS_CATEGORY_RET)
        for (const ZydisDecodedOperand& operand : decoded.operands())
            if (operand.type == ZYDIS_OPERAND_TYPE_IMMEDIATE) dropped = operand.imm.value.u;
    return after.sp - word - dropped;
}

std::optional<std::uint64_t> stack_address(const Disassembler& disassembler, const Decoded& decoded,
                                           const ZydisDecodedOperand& operand, const so_regs& after) {
    const auto before = stack_pointer_before(disassembler, decoded, after);
    if (!before) return std::nullopt;
    return writes(operand) ? *before - operand.size / 8 : *before;
}

std::optional<std::uint64_t> register_before(const Disassembler& disassembler, const Decoded& decoded,
                                             const ZydisDecodedOperand& operand, ZydisRegister part,
                                             const so_regs& after) {
    if (part == ZYDIS_REGISTER_NONE) return 0;
    if (part == ZYDIS_REGISTER_RIP || part == ZYDIS_REGISTER_EIP) return decoded.end();
    const ZydisRegister whole = disassembler.whole_register(part);
    if (whole == ZYDIS_REGISTER_NONE) return std::nullopt;
    if (is_string(decoded) && (whole == ZYDIS_REGISTER_RSI || whole == ZYDIS_REGISTER_RDI)) {
        const std::uint64_t step = operand.size / 8;
        const bool downwards = (after.flags & ZYDIS_CPUFLAG_DF) != 0;
        return register_value(after, whole) + (downwards ? step : 0 - step);
    }
    if (whole == ZYDIS_REGISTER_RSP) {
        // pop [rsp+8] computes its address after it has raised rsp, everything else before it changes it.
        if (decoded.instruction.mnemonic == ZYDIS_MNEMONIC_POP) return after.sp;
        return stack_pointer_before(disassembler, decoded, after);
    }
    if (overwritten(disassembler, decoded, whole, false)) return std::nullopt;
    return register_value(after, whole);
}

// bt, bts, btr and btc with the bit's number in a register reach beyond their operand, in units of its size.
std::uint64_t bit_string_offset(const Disassembler& disassembler, const Decoded& decoded,
                                const ZydisDecodedOperand& operand, const so_regs& after) {
    if (decoded.instruction.meta.category != ZYDIS_CATEGORY_BITBYTE ||
        decoded.instruction.operand_count_visible < 2)
        return 0;
    const ZydisDecodedOperand& bit = decoded.all_operands[1];
    if (bit.type != ZYDIS_OPERAND_TYPE_REGISTER || operand.size == 0 || operand.id != 0) return 0;
    const std::uint64_t raw = register_value(after, disassembler.whole_register(bit.reg.value));
    const int unused = 64 - std::min<int>(bit.size, 64);
    const auto number = static_cast<std::int64_t>(raw << unused) >> unused;
    const std::int64_t bits = operand.size;
    const std::int64_t unit = number >= 0 ? number / bits : -((-(number + 1)) / bits) - 1;
    return static_cast<std::uint64_t>(unit) * static_cast<std::uint64_t>(bits / 8);
}

} // namespace

bool is_string(const Decoded& decoded) {
    return decoded.instruction.meta.category == ZYDIS_CATEGORY_STRINGOP ||
           decoded.instruction.meta.category == ZYDIS_CATEGORY_IOSTRINGOP;
}

bool is_repeated_string(const Decoded& decoded) {
    constexpr ZydisInstructionAttributes any_rep =
        ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE;
    return is_string(decoded) && (decoded.instruction.attributes & any_rep) != 0;
}

std::uint64_t register_value(const so_regs& regs, ZydisRegister whole) {
    switch (whole) {
    case ZYDIS_REGISTER_RAX:
        return regs.ax;
    case ZYDIS_REGISTER_RCX:
        return regs.cx;
    case ZYDIS_REGISTER_RDX:
        return regs.dx;
    case ZYDIS_REGISTER_RBX:
        return regs.bx;
    case ZYDIS_REGISTER_RSP:
        return regs.sp;
    case ZYDIS_REGISTER_RBP:
        return regs.bp;
    case ZYDIS_REGISTER_RSI:
        return regs.si;
    case ZYDIS_REGISTER_RDI:
        return regs.di;
    case ZYDIS_REGISTER_R8:
        return regs.r8;
    case ZYDIS_REGISTER_R9:
        return regs.r9;
    case ZYDIS_REGISTER_R10:
        return regs.r10;
    case ZYDIS_REGISTER_R11:
        return regs.r11;
    case ZYDIS_REGISTER_R12:
        return regs.r12;
    case ZYDIS_REGISTER_R13:
        return regs.r13;
    case ZYDIS_REGISTER_R14:
        return regs.r14;
    case ZYDIS_REGISTER_R15:
        return regs.r15;
    default:
        return 0;
    }
}

std::optional<std::uint64_t> effective_address(const Disassembler& disassembler, const Decoded& decoded,
                                               const ZydisDecodedOperand& operand, const so_regs& after) {
    const ZydisDecodedOperandMem& mem = operand.mem;
    if (mem.type != ZYDIS_MEMOP_TYPE_MEM) return std::nullopt; // gather, scatter, bound tables
    if (mem.segment == ZYDIS_REGISTER_FS || mem.segment == ZYDIS_REGISTER_GS) return std::nullopt;
    if (decoded.instruction.mnemonic == ZYDIS_MNEMONIC_LEAVE) return after.sp - operand.size / 8;
    if (decoded.instruction.mnemonic == ZYDIS_MNEMONIC_ENTER) {
        // With a nesting level it copies frame pointers as well; compilers write level 0.
        if (decoded.all_operands[1].imm.value.u != 0) return std::nullopt;
        return after.bp;
    }
    if (is_stack_operand(operand)) return stack_address(disassembler, decoded, operand, after);

    const auto base = register_before(disassembler, decoded, operand, mem.base, after);
    const auto index = register_before(disassembler, decoded, operand, mem.index, after);
    if (!base || !index) return std::nullopt;
    std::uint64_t address =
        *base + *index * mem.scale + bit_string_offset(disassembler, decoded, operand, after);
    if (mem.disp.has_displacement) address += static_cast<std::uint64_t>(mem.disp.value);
    return decoded.instruction.address_width == 32 ? address & 0xffff'ffff : address;
}

} // namespace stakeout
