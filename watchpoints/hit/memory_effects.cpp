#include "watchpoints/hit/memory_effects.h"

#include "watchpoints/hit/effective_address.h"

#include <algorithm>

namespace stakeout {
namespace {

// Fast-string microcode moves up to a cache line before it looks at the debug registers.
constexpr std::uint64_t fast_string_bytes = 64;
// The operand of xsave and xrstor is as large as the enabled features make it: with AMX below 16 KiB.
constexpr std::uint64_t largest_xsave_area = 16ULL * 1024;

bool only_hints(const ZydisDecodedInstruction& instruction) {
    switch (instruction.meta.category) {
    case ZYDIS_CATEGORY_NOP:
    case ZYDIS_CATEGORY_WIDENOP:
    case ZYDIS_CATEGORY_PREFETCH:
    case ZYDIS_CATEGORY_PREFETCHWT1:
    case ZYDIS_CATEGORY_CLDEMOTE:
    case ZYDIS_CATEGORY_CLFLUSHOPT:
    case ZYDIS_CATEGORY_CLWB:
    case ZYDIS_CATEGORY_CET:
        return true;
    default:
        return instruction.mnemonic == ZYDIS_MNEMONIC_CLFLUSH ||
               instruction.mnemonic == ZYDIS_MNEMONIC_INVLPG;
    }
}

std::uint64_t touched_bytes(const ZydisDecodedInstruction& instruction, const ZydisDecodedOperand& operand) {
    if (instruction.meta.category == ZYDIS_CATEGORY_XSAVE ||
        instruction.meta.category == ZYDIS_CATEGORY_XSAVEOPT)
        return largest_xsave_area;
    return std::max<std::uint64_t>(operand.size / 8, 1);
}

bool overlap(std::uint64_t a, std::uint64_t a_bytes, std::uint64_t b, std::uint64_t b_bytes) {
    // Differences instead of sums, which could wrap at the top of the address space.
    return a <= b ? b - a < a_bytes : a - b < b_bytes;
}

} // namespace

std::vector<MemoryEffect> memory_effects(const Disassembler& disassembler, const Decoded& decoded,
                                         const so_regs& after) {
    std::vector<MemoryEffect> effects;
    if (only_hints(decoded.instruction)) return effects;
    for (const ZydisDecodedOperand& operand : decoded.operands()) {
        if (operand.type != ZYDIS_OPERAND_TYPE_MEMORY || operand.mem.type == ZYDIS_MEMOP_TYPE_AGEN) continue;
        MemoryEffect effect;
        effect.address = effective_address(disassembler, decoded, operand, after);
        effect.bytes = touched_bytes(decoded.instruction, operand);
        effect.writes = (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
        if (is_repeated_string(decoded)) {
            const bool downwards = (after.flags & ZYDIS_CPUFLAG_DF) != 0;
            (downwards ? effect.after : effect.before) = fast_string_bytes;
        }
        effects.push_back(effect);
    }
    return effects;
}

FittingAccess fit_effects(const std::vector<MemoryEffect>& effects, std::uint64_t address,
                          std::uint32_t length) {
    FittingAccess exact, loose, possible;
    const auto add = [](FittingAccess& to, Fit fit, bool writes, bool keep_doubt) {
        const Access access = writes ? Access::Write : Access::Read;
        if (to.fit == Fit::No) {
            to = {fit, access};
        } else if (to.access != access) {
            // One instruction that reads and writes the watched bytes is a write; where it is not known which
            // of its operands is the watched one, neither is the access.
            to.access = keep_doubt ? Access::Unknown : Access::Write;
        }
    };
    for (const MemoryEffect& effect : effects) {
        if (!effect.address) {
            add(possible, Fit::Possible, effect.writes, true);
        } else if (overlap(*effect.address, effect.bytes, address, length)) {
            add(exact, Fit::Yes, effect.writes, false);
        } else if (overlap(*effect.address - effect.before, effect.bytes + effect.before + effect.after,
                           address, length)) {
            add(loose, Fit::Yes, effect.writes, true);
        }
    }
    if (exact.fit != Fit::No) return exact;
    return loose.fit != Fit::No ? loose : possible;
}

} // namespace stakeout
