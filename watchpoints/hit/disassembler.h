// One decoded instruction, by way of Zydis. One disassembler serves the whole process; it is made at the
// first use and can be used by several threads at once, since decoding changes nothing in it.
#pragma once

#include "base/result.h"
#include "watchpoints/hit/zydis_library.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace stakeout {

constexpr std::size_t max_instruction_bytes = 15;

struct Decoded {
    std::uint64_t address = 0;
    ZydisDecodedInstruction instruction{};
    std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> all_operands{};

    [[nodiscard]] std::uint64_t end() const { return address + instruction.length; }
    // Explicit operands first, then those that the instruction has of itself (the stack of a push).
    [[nodiscard]] std::span<const ZydisDecodedOperand> operands() const {
        return {all_operands.data(), instruction.operand_count};
    }
};

class Disassembler {
  public:
    // The one instance. Error (Internal): neither the host's Zydis nor the embedded one can be loaded.
    static Result<const Disassembler*> get();

    // The instruction at the start of `code`, which lies at `address`. nullopt: not a valid instruction.
    [[nodiscard]] std::optional<Decoded> decode(std::uint64_t address,
                                                std::span<const std::uint8_t> code) const;
    // Only its length, which is all that a sweep needs. 0: not a valid instruction.
    [[nodiscard]] std::size_t length(std::span<const std::uint8_t> code) const;
    // Intel syntax, lower case, sizes spelt out: "mov qword ptr [rdi+0x10], rax".
    [[nodiscard]] std::string text(const Decoded& decoded) const;
    // rax for al, ax and eax; ZYDIS_REGISTER_NONE for what is no general register.
    [[nodiscard]] ZydisRegister whole_register(ZydisRegister part) const;

  private:
    explicit Disassembler(const ZydisLibrary& library);
    static Result<Disassembler> make();

    ZydisLibrary zydis_;
    ZydisDecoder decoder_{};
    ZydisFormatter formatter_{};
};

} // namespace stakeout
