#include "xen-bridge/backend/access_decoder.h"

#include "watchpoints/hit/disassembler.h"
#include "watchpoints/hit/effective_address.h"
#include "xen-bridge/guest/guest_memory.h"

#include <array>

namespace stakeout {
namespace {

std::uint64_t segment_base(const GuestRegisters& registers, ZydisRegister segment) {
    if (segment == ZYDIS_REGISTER_FS) return registers.fs_base;
    return segment == ZYDIS_REGISTER_GS ? registers.gs_base : 0;
}

std::uint64_t address_of(const Disassembler& disassembler, const Decoded& decoded,
                         const ZydisDecodedOperand& operand, const GuestRegisters& registers) {
    const so_regs general = to_so_regs(registers);
    const auto value = [&](ZydisRegister name) -> std::uint64_t {
        if (name == ZYDIS_REGISTER_NONE) return 0;
        if (name == ZYDIS_REGISTER_RIP || name == ZYDIS_REGISTER_EIP) return decoded.end();
        return register_value(general, disassembler.whole_register(name));
    };
    const auto& memory = operand.mem;
    const auto displacement =
        static_cast<std::uint64_t>(memory.disp.has_displacement ? memory.disp.value : 0);
    std::uint64_t address = value(memory.base) + value(memory.index) * memory.scale + displacement;
    if (decoded.instruction.address_width == 32) address &= 0xffff'ffffU;
    return address + segment_base(registers, memory.segment);
}

bool touches_memory(const ZydisDecodedOperand& operand) {
    return operand.type == ZYDIS_OPERAND_TYPE_MEMORY && operand.mem.type == ZYDIS_MEMOP_TYPE_MEM;
}

bool writes(const ZydisDecodedOperand& operand) {
    return (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
}

// A push or a call: the stack grows before the write.
std::uint64_t pushed(const ZydisDecodedOperand& operand) {
    const bool on_stack =
        operand.mem.base == ZYDIS_REGISTER_RSP && operand.visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN;
    return on_stack && writes(operand) ? operand.size / 8U : 0;
}

} // namespace

DecodedAccess AccessDecoder::decode(const VmEvent& event) {
    DecodedAccess result;
    const VmEvent::MemAccess& m = *event.mem_access;
    if (m.execute) {
        result.access = Access::Execute;
    } else if (m.read != m.write) {
        result.access = m.write ? Access::Write : Access::Read;
    }
    // The disassembler knows 64-bit code only; a guest that is still starting, or is none of Linux, may run
    // another.
    if (!in_long_mode(event.registers)) return result;
    auto disassembler = Disassembler::get();
    if (!disassembler) return result;
    const GuestRegisters& registers = event.registers;
    GuestMemory memory(frames_, PageTables{registers.cr3 / guest_page_bytes, page_table_levels(registers)});
    std::array<std::uint8_t, max_instruction_bytes> code{};
    const std::size_t got = memory.read(registers.rip, code);
    const auto decoded = (*disassembler)->decode(registers.rip, std::span(code).first(got));
    if (!decoded) return result;
    result.instruction = Instruction{registers.rip, (*disassembler)->text(*decoded)};
    if (m.execute || !m.gla_valid) return result;
    for (const ZydisDecodedOperand& operand : decoded->operands()) {
        if (!touches_memory(operand)) continue;
        const std::uint64_t bytes = operand.size / 8U;
        const std::uint64_t start =
            address_of(**disassembler, *decoded, operand, registers) - pushed(operand);
        // An access that crosses into the next frame is reported there at that frame's first byte.
        if (m.gla < start || m.gla >= start + bytes) continue;
        result.bytes = start + bytes - m.gla;
        result.access = writes(operand) ? Access::Write : Access::Read;
        break;
    }
    return result;
}

} // namespace stakeout
