#include "watchpoints/hit/call_site.h"

#include "watchpoints/hit/disassembler.h"

#include <array>

namespace stakeout {

bool follows_call(std::uint64_t address, const CodeReader& code) {
    const auto disassembler = Disassembler::get();
    constexpr std::size_t longest = 8; // FF /2 with REX, SIB and disp32
    constexpr std::size_t shortest = 2;
    std::array<std::uint8_t, longest> bytes{};
    if (!disassembler || address < longest || code(address - longest, bytes) != longest) return false;
    for (std::size_t length = shortest; length <= longest; ++length) {
        const auto decoded = (*disassembler)->decode(address - length, std::span(bytes).last(length));
        if (decoded && decoded->end() == address && decoded->instruction.meta.category == ZYDIS_CATEGORY_CALL)
            return true;
    }
    return false;
}

} // namespace stakeout
