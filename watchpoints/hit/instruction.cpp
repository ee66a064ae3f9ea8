// In which order the evidence is heard, and why:
//
// 1. The CPU sets the resume flag in the saved flags when it stops *inside* a repeated string instruction.
//    If one stands at ip and it touches the watched bytes, it is the one.
// 2. A call leaves a return address on top of the stack and ip at its target. A direct call whose target is
//    ip, and that wrote or read the watched bytes, cannot be there by chance.
// 3. Else the access was made by the instruction just before ip: whatever does not branch goes on there.
// 4. Without the resume flag (under a hypervisor it is mostly missing: 7 of 400 hits had it) the string
//    instruction at ip is still the best that fits, and so is an indirect call that leads to the first
//    instruction of a function.
//
// A jump through memory and a return leave no trace of where they were: nothing is found for them.
#include "watchpoints/hit/instruction.h"

#include "watchpoints/hit/back_search.h"
#include "watchpoints/hit/code_window.h"
#include "watchpoints/hit/disassembler.h"
#include "watchpoints/hit/effective_address.h"
#include "watchpoints/hit/memory_effects.h"

#include <algorithm>
#include <array>

namespace stakeout {
namespace {

constexpr std::uint64_t resume_flag = 1U << 16;

bool goes_on_behind(const Decoded& decoded) {
    switch (decoded.instruction.meta.category) {
    case ZYDIS_CATEGORY_UNCOND_BR:
    case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_RET:
    case ZYDIS_CATEGORY_SYSRET:
        return false;
    default:
        return true;
    }
}

class Search {
  public:
    Search(const Disassembler& disassembler, const AccessQuestion& question, const CodeReader& code)
        : disassembler_(disassembler), question_(question), code_(code), ip_(question.regs.ip) {}

    std::optional<LocatedAccess> run() const {
        const auto repeated = string_at_ip();
        if (repeated && (question_.regs.flags & resume_flag) != 0) return answer(*repeated);
        const auto call = call_to_ip();
        if (call && call_target(*call) == Fit::Yes) return answer(*call);
        const auto before = instruction_before_ip();
        // What certainly touched the bytes goes before what possibly did.
        if (before && fit(*before).fit == Fit::Yes) return answer(*before);
        if (repeated) return answer(*repeated);
        if (before) return answer(*before);
        if (call) return answer(*call);
        return std::nullopt;
    }

  private:
    FittingAccess fit(const Decoded& decoded) const {
        return fit_effects(memory_effects(disassembler_, decoded, question_.regs), question_.address,
                           question_.length);
    }

    std::optional<LocatedAccess> answer(const Decoded& decoded) const {
        return LocatedAccess{{decoded.address, disassembler_.text(decoded)}, fit(decoded).access};
    }

    std::optional<Decoded> string_at_ip() const {
        std::array<std::uint8_t, max_instruction_bytes> bytes{};
        const std::size_t got = std::min(code_(ip_, bytes), bytes.size());
        auto decoded = disassembler_.decode(ip_, std::span(bytes).first(got));
        if (!decoded || !is_repeated_string(*decoded)) return std::nullopt;
        return fit(*decoded).fit == Fit::Yes ? decoded : std::nullopt;
    }

    std::optional<Decoded> instruction_before_ip() const {
        const Judge judge = [this](const Decoded& decoded) {
            return goes_on_behind(decoded) ? fit(decoded).fit : Fit::No;
        };
        if (question_.function_start == ip_) return std::nullopt; // only a branch leads here
        if (question_.function_start) {
            Swept swept = sweep(disassembler_, *question_.function_start, ip_, code_);
            if (swept.last && judge(*swept.last) != Fit::No) return swept.last;
            // In step, and it cannot have been this one: a branch led to ip. What looks right in the middle
            // of other instructions would be a guess.
            if (swept.in_step) return std::nullopt;
        }
        return search_back(disassembler_, CodeWindow::before(ip_, code_), ip_, judge);
    }

    // Does the call lead to ip? Possible: through memory, which may have changed since.
    Fit call_target(const Decoded& call) const {
        const ZydisDecodedOperand& target = call.all_operands[0];
        switch (target.type) {
        case ZYDIS_OPERAND_TYPE_IMMEDIATE:
            return call.end() + target.imm.value.u == ip_ ? Fit::Yes : Fit::No;
        case ZYDIS_OPERAND_TYPE_REGISTER: {
            const ZydisRegister whole = disassembler_.whole_register(target.reg.value);
            return register_value(question_.regs, whole) == ip_ ? Fit::Yes : Fit::No;
        }
        case ZYDIS_OPERAND_TYPE_MEMORY:
            return question_.function_start == ip_ ? Fit::Yes : Fit::Possible;
        default:
            return Fit::No;
        }
    }

    std::optional<Decoded> call_to_ip() const {
        if (!question_.stack_top) return std::nullopt;
        const std::uint64_t back = *question_.stack_top;
        // A call through memory to the middle of a function is less likely than a word that looks like one.
        const bool may_be_middle = !question_.function_start;
        const Judge judge = [&](const Decoded& decoded) {
            if (decoded.instruction.meta.category != ZYDIS_CATEGORY_CALL) return Fit::No;
            const Fit target = call_target(decoded);
            if (target == Fit::No || (target == Fit::Possible && !may_be_middle)) return Fit::No;
            return fit(decoded).fit;
        };
        if (const auto start = start_of_function(back)) {
            Swept swept = sweep(disassembler_, *start, back, code_);
            if (swept.last && judge(*swept.last) != Fit::No) return swept.last;
            if (swept.in_step) return std::nullopt;
        }
        return search_back(disassembler_, CodeWindow::before(back, code_), back, judge);
    }

    // One byte earlier: a call may be the last instruction of its function.
    std::optional<std::uint64_t> start_of_function(std::uint64_t return_address) const {
        if (!question_.start_of_function || return_address == 0) return std::nullopt;
        return question_.start_of_function(return_address - 1);
    }

    const Disassembler& disassembler_;
    const AccessQuestion& question_;
    const CodeReader& code_;
    std::uint64_t ip_;
};

} // namespace

std::optional<LocatedAccess> locate_access(const AccessQuestion& question, const CodeReader& code) {
    const auto disassembler = Disassembler::get();
    if (!disassembler) return std::nullopt;
    return Search(**disassembler, question, code).run();
}

std::optional<Instruction> instruction_at(std::uint64_t address, const CodeReader& code) {
    const auto disassembler = Disassembler::get();
    if (!disassembler) return std::nullopt;
    const CodeWindow window = CodeWindow::between(address, address, code);
    const auto decoded = (*disassembler)->decode(address, window.from(address));
    if (!decoded) return std::nullopt;
    return Instruction{address, (*disassembler)->text(*decoded)};
}

} // namespace stakeout
