// Code is made the simple way: a value is computed into R8, the right operand of an operator comes to R9,
// what has to wait meanwhile goes to the stack. Conditions become jumps. 32-bit values keep the upper half of
// their register zero (when_types.h), which 32-bit instructions do by themselves.
#define STAKEOUT_LAYOUT
#include "bpf/stakeout.h"

#include "loader/predicate/when_code.h"

#include "loader/predicate/when_instructions.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

namespace stakeout {
namespace {

using Kind = WhenNode::Kind;
using Label = BpfAssembler::Label;
constexpr auto r0 = BpfRegister::R0, r1 = BpfRegister::R1, r2 = BpfRegister::R2, r3 = BpfRegister::R3,
               hit = BpfRegister::R7, r8 = BpfRegister::R8, r9 = BpfRegister::R9, stack = BpfRegister::R10;

static_assert(static_cast<int>(WhenAccess::Read) == SO_READ &&
              static_cast<int>(WhenAccess::Write) == SO_WRITE &&
              static_cast<int>(WhenAccess::Execute) == SO_EXECUTE);

struct FactPlace {
    std::uint32_t bytes;
    std::int64_t offset;
};

FactPlace place_of(WhenName name) {
    switch (name) {
    case WhenName::Delta:
        return {8, offsetof(struct hit, delta)};
    case WhenName::Pid:
        return {4, offsetof(struct hit, pid)};
    case WhenName::Tid:
        return {4, offsetof(struct hit, tid)};
    case WhenName::Cpu:
        return {4, offsetof(struct hit, cpu)};
    case WhenName::Ip:
        return {8, offsetof(struct hit, ip)};
    case WhenName::Width:
        return {4, offsetof(struct hit, width)};
    default:
        return {8, offsetof(struct hit, seq)};
    }
}

class Emitter {
  public:
    Emitter(BpfAssembler& code, const std::vector<WhenNode>& tree, Label cannot_judge)
        : code_(code), tree_(tree), cannot_judge_(cannot_judge) {}

    // Jumps where the node's truth is `sense`, else goes on.
    void jump_if(std::uint32_t index, bool sense, Label to) {
        const WhenNode& node = tree_[index];
        if (node.kind == Kind::Logical) return jump_logical(node, sense, to);
        if (node.kind == Kind::Text) return jump_text(node, sense, to);
        if (node.kind == Kind::Binary && is_comparison(node.op)) {
            const Right right = operands(index);
            return jump_compared(node, right, sense, to);
        }
        value(index);
        code_.jump_if(sense ? BPF_JNE : BPF_JEQ, true, r8, 0, to);
    }

  private:
    // The right operand of an operator, where it is: in R9, or a number that fits the instruction.
    struct Right {
        bool is_number = false;
        std::int32_t number = 0;
    };

    // ---- the stack: R10-8 is a buffer, below it values wait ----

    static constexpr std::int16_t buffer = -8;

    std::int16_t push(BpfRegister from) {
        const auto offset = static_cast<std::int16_t>(buffer - 8 * ++waiting_);
        code_.store_word(stack, offset, from);
        return offset;
    }
    void pop(std::int16_t offset, BpfRegister to) {
        code_.load(8, to, stack, offset);
        --waiting_;
    }

    // ---- values, into R8 ----

    void value(std::uint32_t index) {
        const WhenNode& node = tree_[index];
        if (node.kind != Kind::Binary) return other(index);
        const Right right = operands(index);
        operation(node, right);
    }

    // The operands of a Binary, converted: the left one into R8. Loops along the chain of left operands.
    Right operands(std::uint32_t index) {
        struct Link {
            const WhenNode* node;
            std::int16_t waits_at; // the right operand, computed already; 0: not yet
        };
        std::vector<Link> chain;
        for (; tree_[index].kind == Kind::Binary; index = tree_[index].operands[0]) {
            const WhenNode& node = tree_[index];
            Link link{&node, 0};
            const WhenNode& right = tree_[node.operands[1]];
            if (!is_leaf(right) && right.held > tree_[node.operands[0]].held) {
                value(node.operands[1]);
                link.waits_at = push(r8);
            }
            chain.push_back(link);
        }
        other(index);
        while (true) {
            const Link link = chain.back();
            chain.pop_back();
            const Right right = right_operand(*link.node, link.waits_at);
            to_type(r8, tree_[link.node->operands[0]].type, link.node->operands_type);
            if (chain.empty()) return right;
            operation(*link.node, right);
        }
    }

    Right right_operand(const WhenNode& node, std::int16_t waits_at) {
        const WhenNode& right = tree_[node.operands[1]];
        const WhenType type = is_shift(node.op) ? right.type : node.operands_type;
        if (waits_at != 0) {
            pop(waits_at, r9);
        } else if (right.kind == Kind::Number) {
            return number(node, convert(right.number, right.type, type));
        } else if (is_leaf(right)) {
            leaf(right, r9);
        } else {
            const std::int16_t left = push(r8);
            value(node.operands[1]);
            code_.compute(BPF_MOV, true, r9, r8);
            pop(left, r8);
        }
        to_type(r9, right.type, type);
        if (is_shift(node.op)) code_.compute(BPF_AND, false, r9, is_wide(node.operands_type) ? 63 : 31);
        return {};
    }

    // The verifier refuses divisions by the number 0, and shifts by too much.
    Right number(const WhenNode& node, std::uint64_t number) {
        const bool divides = node.op == WhenOperator::Divide || node.op == WhenOperator::Remainder;
        if (is_shift(node.op)) number &= is_wide(node.operands_type) ? 63 : 31;
        if (!divides && (!is_wide(node.operands_type) || fits_instruction(number)))
            return {true, static_cast<std::int32_t>(number)};
        code_.set(r9, number);
        return {};
    }

    void operation(const WhenNode& node, Right right) {
        const bool wide = is_wide(node.operands_type);
        if (is_comparison(node.op)) {
            const Label holds = code_.label();
            code_.set(r1, 1);
            jump_compared(node, right, true, holds);
            code_.set(r1, 0);
            code_.bind(holds);
            code_.compute(BPF_MOV, true, r8, r1);
            return;
        }
        const bool divides = node.op == WhenOperator::Divide || node.op == WhenOperator::Remainder;
        if (divides && is_signed(node.operands_type)) return signed_division(node.op, wide);
        const std::uint8_t instruction = instruction_of(node.op, is_signed(node.operands_type));
        if (right.is_number)
            code_.compute(instruction, wide, r8, right.number);
        else
            code_.compute(instruction, wide, r8, r9);
    }

    // By magnitudes, as Linux 6.1 divides unsigned numbers only. With s = all bits the sign, (x ^ s) - s is
    // |x|, and gives the sign back as well.
    void signed_division(WhenOperator op, bool wide) {
        const std::int32_t sign_bit = wide ? 63 : 31;
        const auto turn = [&](BpfRegister number, BpfRegister sign) {
            code_.compute(BPF_XOR, wide, number, sign);
            code_.compute(BPF_SUB, wide, number, sign);
        };
        code_.compute(BPF_MOV, wide, r1, r8);
        code_.compute(BPF_ARSH, wide, r1, sign_bit);
        turn(r8, r1);
        code_.compute(BPF_MOV, wide, r2, r9);
        code_.compute(BPF_ARSH, wide, r2, sign_bit);
        turn(r9, r2);
        if (op == WhenOperator::Divide) {
            code_.compute(BPF_DIV, wide, r8, r9);
            code_.compute(BPF_XOR, wide, r1, r2);
        } else {
            code_.compute(BPF_MOD, wide, r8, r9);
        }
        turn(r8, r1);
    }

    // Everything but Binary.
    void other(std::uint32_t index) {
        const WhenNode& node = tree_[index];
        switch (node.kind) {
        case Kind::Unary:
            value(node.operands[0]);
            if (node.op == WhenOperator::Minus)
                code_.compute(BPF_NEG, is_wide(node.type), r8, 0);
            else
                code_.compute(BPF_XOR, is_wide(node.type), r8, -1);
            return;
        case Kind::Cast:
            value(node.operands[0]);
            return cast(node);
        case Kind::Conditional: {
            const Label is_false = code_.label(), end = code_.label();
            jump_if(node.operands[0], false, is_false);
            value(node.operands[1]);
            to_type(r8, tree_[node.operands[1]].type, node.operands_type);
            code_.jump(end);
            code_.bind(is_false);
            value(node.operands[2]);
            to_type(r8, tree_[node.operands[2]].type, node.operands_type);
            code_.bind(end);
            return;
        }
        case Kind::Text:
        case Kind::Logical: {
            const Label is_false = code_.label(), end = code_.label();
            jump_if(index, false, is_false);
            code_.set(r8, 1);
            code_.jump(end);
            code_.bind(is_false);
            code_.set(r8, 0);
            code_.bind(end);
            return;
        }
        default:
            return leaf(node, r8);
        }
    }

    void cast(const WhenNode& node) {
        if (node.cast.is_bool) {
            const Label is_zero = code_.label();
            code_.jump_if(BPF_JEQ, true, r8, 0, is_zero);
            code_.set(r8, 1);
            code_.bind(is_zero);
        } else if (node.cast.bytes == 8) {
            to_type(r8, node.operands_type, WhenType::I64);
        } else if (node.cast.bytes == 4) {
            code_.compute(BPF_MOV, false, r8, r8);
        } else if (node.cast.is_signed) {
            sign_extend(r8, node.cast.bytes);
        } else {
            code_.compute(BPF_AND, false, r8, node.cast.bytes == 1 ? 0xFF : 0xFFFF);
        }
    }

    // A number of 1 or 2 bytes as an int.
    void sign_extend(BpfRegister number, std::uint32_t bytes) {
        const auto spare = static_cast<std::int32_t>(32 - bytes * 8);
        code_.compute(BPF_LSH, false, number, spare);
        code_.compute(BPF_ARSH, false, number, spare);
    }

    // To a type that is not narrower. Only an int's sign has to be written out.
    void to_type(BpfRegister number, WhenType from, WhenType to) {
        if (from != WhenType::I32 || !is_wide(to)) return;
        code_.compute(BPF_LSH, true, number, 32);
        code_.compute(BPF_ARSH, true, number, 32);
    }

    // ---- leaves; they leave R8 and R9 alone, but for `to` ----

    void leaf(const WhenNode& node, BpfRegister to) {
        if (node.kind == Kind::Number) return code_.set(to, node.number);
        if (node.kind == Kind::Value) return target_value(node, to);
        if (node.name == WhenName::Delta) need_readable();
        const FactPlace place = place_of(node.name);
        code_.load(place.bytes, to, hit, place.offset);
    }

    void need_readable() {
        code_.load(1, r1, hit, offsetof(struct hit, unreadable));
        code_.jump_if(BPF_JNE, false, r1, 0, cannot_judge_);
    }

    void target_value(const WhenNode& node, BpfRegister to) {
        const FieldPlace& place = node.place;
        const bool is_new = node.name == WhenName::New;
        if (is_new) need_readable();
        const std::int64_t bytes = is_new ? offsetof(struct hit, new_bytes) : offsetof(struct hit, old_bytes);
        if (place.hops.empty())
            code_.load(place.bytes, to, hit, bytes + place.offset);
        else
            follow(place, bytes + place.offset, to);
        if (place.bit_size != 0) {
            code_.compute(BPF_LSH, true, to,
                          static_cast<std::int32_t>(64 - place.bit_offset - place.bit_size));
            code_.compute(place.is_signed ? BPF_ARSH : BPF_RSH, true, to,
                          static_cast<std::int32_t>(64 - place.bit_size));
            if (!is_wide(node.type)) code_.compute(BPF_MOV, false, to, to);
        } else if (place.is_signed && place.bytes < 4) {
            sign_extend(to, place.bytes);
        }
    }

    // From pointer to pointer: R3 goes along, the buffer takes what is there.
    void follow(const FieldPlace& place, std::int64_t pointer, BpfRegister to) {
        code_.load(8, r3, hit, pointer);
        for (std::size_t hop = 0; hop < place.hops.size(); ++hop) {
            const bool last = hop + 1 == place.hops.size();
            const std::uint32_t bytes = last ? place.bytes : 8;
            code_.compute(BPF_ADD, true, r3, static_cast<std::int32_t>(place.hops[hop]));
            code_.compute(BPF_MOV, true, r2, static_cast<std::int32_t>(bytes));
            code_.compute(BPF_MOV, true, r1, stack);
            code_.compute(BPF_ADD, true, r1, buffer);
            code_.call(BPF_FUNC_probe_read_kernel);
            code_.jump_if(BPF_JNE, true, r0, 0, cannot_judge_);
            code_.load(bytes, last ? to : r3, stack, buffer);
        }
    }

    // ---- conditions ----

    void jump_logical(const WhenNode& node, bool sense, Label to) {
        if (node.op == WhenOperator::Not) return jump_if(node.operands[0], !sense, to);
        std::vector<std::uint32_t> last_first{node.operands[1]};
        std::uint32_t first = node.operands[0];
        for (; tree_[first].kind == Kind::Logical && tree_[first].op == node.op;
             first = tree_[first].operands[0])
            last_first.push_back(tree_[first].operands[1]);
        last_first.push_back(first);
        // One operand of that truth decides.
        const bool decisive = node.op == WhenOperator::LogicalOr;
        const Label end = code_.label();
        for (std::size_t left = last_first.size(); left-- > 0;) {
            if (sense == decisive || left == 0)
                jump_if(last_first[left], sense, to);
            else
                jump_if(last_first[left], decisive, end);
        }
        code_.bind(end);
    }

    void jump_compared(const WhenNode& node, Right right, bool sense, Label to) {
        const std::uint8_t condition =
            condition_of(sense ? node.op : opposite(node.op), is_signed(node.operands_type));
        const bool wide = is_wide(node.operands_type);
        if (right.is_number)
            code_.jump_if(condition, wide, r8, right.number, to);
        else
            code_.jump_if(condition, wide, r8, r9, to);
    }

    void jump_text(const WhenNode& node, bool sense, Label to) {
        const bool if_same = sense == (node.op == WhenOperator::Equal);
        if (node.name == WhenName::Access) {
            code_.load(1, r8, hit, offsetof(struct hit, access));
            code_.jump_if(BPF_JEQ, false, r8, SO_UNKNOWN_ACCESS, cannot_judge_);
            code_.jump_if(if_same ? BPF_JEQ : BPF_JNE, false, r8,
                          static_cast<std::int32_t>(access_named(node.text)), to);
            return;
        }
        // Two words, zero-padded as the kernel's are.
        std::array<char, SO_COMM_BYTES> padded{};
        std::memcpy(padded.data(), node.text.data(), std::min(node.text.size(), padded.size()));
        std::array<std::uint64_t, 2> words{};
        std::memcpy(words.data(), padded.data(), sizeof(words));
        const Label differs = if_same ? code_.label() : to;
        code_.load(8, r8, hit, offsetof(struct hit, comm));
        code_.jump_if_number(BPF_JNE, r8, words[0], r9, differs);
        code_.load(8, r8, hit, offsetof(struct hit, comm) + 8);
        code_.jump_if_number(if_same ? BPF_JEQ : BPF_JNE, r8, words[1], r9, to);
        if (if_same) code_.bind(differs);
    }

    BpfAssembler& code_;
    const std::vector<WhenNode>& tree_;
    Label cannot_judge_;
    int waiting_ = 0;
};

} // namespace

void emit_when(BpfAssembler& code, const std::vector<WhenNode>& tree, Label is_false, Label cannot_judge) {
    Emitter(code, tree, cannot_judge).jump_if(static_cast<std::uint32_t>(tree.size() - 1), false, is_false);
}

} // namespace stakeout
