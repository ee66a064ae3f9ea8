// Writes BPF instructions one by one, with labels. Only instructions that Linux 6.1 has (cpu v3).
#pragma once

#include <linux/bpf.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace stakeout {

enum class BpfRegister : std::uint8_t { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 };

class BpfAssembler {
  public:
    enum class Label : std::size_t {};

    [[nodiscard]] Label label();
    void bind(Label label); // here; once
    // Whether a jump leads there. The verifier refuses code that none can reach.
    [[nodiscard]] bool is_used(Label label) const;

    // `wide`: 64 bits; else 32, and the upper half of the result is zero.
    // `operation`: BPF_ADD, BPF_AND, BPF_MOV ...; of a number its 32 bits, sign-extended.
    void compute(std::uint8_t operation, bool wide, BpfRegister to, BpfRegister from);
    void compute(std::uint8_t operation, bool wide, BpfRegister to, std::int32_t number);
    void set(BpfRegister to, std::uint64_t number); // in the shortest way

    // `bytes`: 1, 2, 4, 8; a load leaves the rest of the register zero.
    void load(std::uint32_t bytes, BpfRegister to, BpfRegister base, std::int64_t offset);
    void store_word(BpfRegister base, std::int64_t offset, BpfRegister from); // 8 bytes
    void store(std::uint32_t bytes, BpfRegister base, std::int64_t offset, std::int32_t number);

    // `condition`: BPF_JEQ, BPF_JSLT ...
    void jump(Label to);
    void jump_if(std::uint8_t condition, bool wide, BpfRegister left, BpfRegister right, Label to);
    void jump_if(std::uint8_t condition, bool wide, BpfRegister left, std::int32_t right, Label to);
    // The same for any number, in 64 bits; `spare` is overwritten where the number is none of 32 bits.
    void jump_if_number(std::uint8_t condition, BpfRegister left, std::uint64_t right, BpfRegister spare,
                        Label to);

    void set_map(BpfRegister to, int map_fd);
    void call(std::int32_t helper); // overwrites R0 to R5
    void exit();

    // Nothing: a jump is longer than BPF's jumps reach, 32767 instructions.
    [[nodiscard]] std::optional<std::vector<bpf_insn>> finish() &&;

  private:
    struct Jump {
        std::size_t at;
        Label to;
    };
    void emit(int code, BpfRegister to, BpfRegister from, std::int64_t offset, std::int32_t number);

    std::vector<bpf_insn> code_;
    std::vector<Jump> jumps_;
    std::vector<std::size_t> labels_; // where they are bound
    std::vector<bool> used_;
};

// Whether the number is the sign extension of a 32-bit one: what a BPF instruction can hold.
[[nodiscard]] bool fits_instruction(std::uint64_t number);

} // namespace stakeout
