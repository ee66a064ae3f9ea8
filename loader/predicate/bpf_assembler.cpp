#include "loader/predicate/bpf_assembler.h"

#include <limits>
#include <utility>

namespace stakeout {
namespace {

constexpr BpfRegister none = BpfRegister::R0;
constexpr int load_number = BPF_DW; // BPF_LD and BPF_IMM are 0

constexpr int size_code(std::uint32_t bytes) {
    switch (bytes) {
    case 1:
        return BPF_B;
    case 2:
        return BPF_H;
    case 4:
        return BPF_W;
    default:
        return BPF_DW;
    }
}

} // namespace

bool fits_instruction(std::uint64_t number) {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(number))) == number;
}

BpfAssembler::Label BpfAssembler::label() {
    labels_.push_back(0);
    used_.push_back(false);
    return static_cast<Label>(labels_.size() - 1);
}

void BpfAssembler::bind(Label label) { labels_[static_cast<std::size_t>(label)] = code_.size(); }

bool BpfAssembler::is_used(Label label) const { return used_[static_cast<std::size_t>(label)]; }

void BpfAssembler::emit(int code, BpfRegister to, BpfRegister from, std::int64_t offset,
                        std::int32_t number) {
    bpf_insn instruction{};
    instruction.code = static_cast<std::uint8_t>(code);
    instruction.dst_reg = static_cast<std::uint8_t>(to) & 0xFU;
    instruction.src_reg = static_cast<std::uint8_t>(from) & 0xFU;
    instruction.off = static_cast<std::int16_t>(offset);
    instruction.imm = number;
    code_.push_back(instruction);
}

void BpfAssembler::compute(std::uint8_t operation, bool wide, BpfRegister to, BpfRegister from) {
    emit((wide ? BPF_ALU64 : BPF_ALU) | operation | BPF_X, to, from, 0, 0);
}

void BpfAssembler::compute(std::uint8_t operation, bool wide, BpfRegister to, std::int32_t number) {
    emit((wide ? BPF_ALU64 : BPF_ALU) | operation | BPF_K, to, none, 0, number);
}

void BpfAssembler::set(BpfRegister to, std::uint64_t number) {
    if (fits_instruction(number)) {
        compute(BPF_MOV, true, to, static_cast<std::int32_t>(number));
    } else if (number <= std::numeric_limits<std::uint32_t>::max()) {
        compute(BPF_MOV, false, to, static_cast<std::int32_t>(number));
    } else {
        emit(load_number, to, none, 0, static_cast<std::int32_t>(number));
        emit(0, none, none, 0, static_cast<std::int32_t>(number >> 32));
    }
}

void BpfAssembler::load(std::uint32_t bytes, BpfRegister to, BpfRegister base, std::int64_t offset) {
    emit(BPF_LDX | size_code(bytes) | BPF_MEM, to, base, offset, 0);
}

void BpfAssembler::store_word(BpfRegister base, std::int64_t offset, BpfRegister from) {
    emit(BPF_STX | BPF_DW | BPF_MEM, base, from, offset, 0);
}

void BpfAssembler::store(std::uint32_t bytes, BpfRegister base, std::int64_t offset, std::int32_t number) {
    emit(BPF_ST | size_code(bytes) | BPF_MEM, base, none, offset, number);
}

void BpfAssembler::jump(Label to) {
    used_[static_cast<std::size_t>(to)] = true;
    jumps_.push_back({code_.size(), to});
    emit(BPF_JMP | BPF_JA, none, none, 0, 0);
}

void BpfAssembler::jump_if(std::uint8_t condition, bool wide, BpfRegister left, BpfRegister right, Label to) {
    used_[static_cast<std::size_t>(to)] = true;
    jumps_.push_back({code_.size(), to});
    emit((wide ? BPF_JMP : BPF_JMP32) | condition | BPF_X, left, right, 0, 0);
}

void BpfAssembler::jump_if(std::uint8_t condition, bool wide, BpfRegister left, std::int32_t right,
                           Label to) {
    used_[static_cast<std::size_t>(to)] = true;
    jumps_.push_back({code_.size(), to});
    emit((wide ? BPF_JMP : BPF_JMP32) | condition | BPF_K, left, none, 0, right);
}

void BpfAssembler::jump_if_number(std::uint8_t condition, BpfRegister left, std::uint64_t right,
                                  BpfRegister spare, Label to) {
    if (fits_instruction(right)) return jump_if(condition, true, left, static_cast<std::int32_t>(right), to);
    set(spare, right);
    jump_if(condition, true, left, spare, to);
}

void BpfAssembler::set_map(BpfRegister to, int map_fd) {
    constexpr auto says_map = static_cast<BpfRegister>(BPF_PSEUDO_MAP_FD);
    emit(load_number, to, says_map, 0, map_fd);
    emit(0, none, none, 0, 0);
}

void BpfAssembler::call(std::int32_t helper) { emit(BPF_JMP | BPF_CALL, none, none, 0, helper); }

void BpfAssembler::exit() { emit(BPF_JMP | BPF_EXIT, none, none, 0, 0); }

std::optional<std::vector<bpf_insn>> BpfAssembler::finish() && {
    for (const Jump& jump : jumps_) {
        const auto target = static_cast<std::int64_t>(labels_[static_cast<std::size_t>(jump.to)]);
        const std::int64_t distance = target - static_cast<std::int64_t>(jump.at) - 1;
        if (distance > std::numeric_limits<std::int16_t>::max() ||
            distance < std::numeric_limits<std::int16_t>::min())
            return std::nullopt;
        code_[jump.at].off = static_cast<std::int16_t>(distance);
    }
    return std::move(code_);
}

} // namespace stakeout
