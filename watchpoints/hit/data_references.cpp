#include "watchpoints/hit/disassembler.h"
#include "watchpoints/hit/instruction.h"

#include <algorithm>

namespace stakeout {
namespace {

// The absolute address that an operand names, whatever the registers hold. Older kernels are not position
// independent and name some of their data by a plain 32-bit address.
std::optional<std::uint64_t> named_address(const Decoded& decoded, const ZydisDecodedOperand& operand) {
    if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY || operand.visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN)
        return std::nullopt;
    const ZydisDecodedOperandMem& mem = operand.mem;
    if (mem.segment == ZYDIS_REGISTER_FS || mem.segment == ZYDIS_REGISTER_GS)
        return std::nullopt; // per CPU, thread
    if (mem.index != ZYDIS_REGISTER_NONE || !mem.disp.has_displacement) return std::nullopt;
    const auto displacement = static_cast<std::uint64_t>(mem.disp.value);
    if (mem.base == ZYDIS_REGISTER_RIP) return decoded.end() + displacement;
    if (mem.base == ZYDIS_REGISTER_NONE) return displacement;
    return std::nullopt;
}

bool is_nop(const Decoded& decoded) {
    return decoded.instruction.meta.category == ZYDIS_CATEGORY_NOP ||
           decoded.instruction.meta.category == ZYDIS_CATEGORY_WIDENOP;
}

} // namespace

std::vector<DataReference> data_references(std::uint64_t start, std::size_t size, const CodeReader& code) {
    std::vector<DataReference> references;
    const auto disassembler = Disassembler::get();
    if (!disassembler) return references;
    std::vector<std::uint8_t> bytes(size);
    bytes.resize(std::min(code(start, bytes), size));

    for (std::size_t at = 0; at < bytes.size();) {
        const auto decoded = (*disassembler)->decode(start + at, std::span(bytes).subspan(at));
        if (!decoded) {
            ++at;
            continue;
        }
        at += decoded->instruction.length;
        if (is_nop(*decoded)) continue;
        for (const ZydisDecodedOperand& operand : decoded->operands()) {
            const auto address = named_address(*decoded, operand);
            if (!address) continue;
            const auto same = [&](const DataReference& known) { return known.address == *address; };
            if (std::any_of(references.begin(), references.end(), same)) continue;
            const bool only_address = operand.mem.type == ZYDIS_MEMOP_TYPE_AGEN;
            references.push_back({.instruction = decoded->address,
                                  .address = *address,
                                  .width = only_address ? 0U : operand.size / 8U,
                                  .text = (*disassembler)->text(*decoded)});
        }
    }
    return references;
}

} // namespace stakeout
