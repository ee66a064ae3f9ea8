#include "loader/predicate/when_value.h"

#include <algorithm>
#include <cstring>

namespace stakeout {
namespace {

using Kind = WhenNode::Kind;
using Value = std::optional<std::uint64_t>; // nothing: cannot be judged

// Recurses once a level of nesting, loops along chains of operators, as they may be long.
class Judge {
  public:
    Judge(const std::vector<WhenNode>& tree, const WhenValues& values) : tree_(tree), values_(values) {}

    [[nodiscard]] Value value(std::uint32_t index) const {
        std::vector<std::uint32_t> chain;
        while (tree_[index].kind == Kind::Binary) {
            chain.push_back(index);
            index = tree_[index].operands[0];
        }
        Value left = other(tree_[index]);
        for (; !chain.empty() && left; chain.pop_back()) {
            const WhenNode& node = tree_[chain.back()];
            const WhenNode& right_node = tree_[node.operands[1]];
            const Value right = value(node.operands[1]);
            if (!right) return std::nullopt;
            const std::uint64_t as_left = convert(*left, tree_[node.operands[0]].type, node.operands_type);
            left = apply(node.op, node.operands_type, as_left,
                         is_shift(node.op) ? *right : convert(*right, right_node.type, node.operands_type));
        }
        return left;
    }

  private:
    [[nodiscard]] Value other(const WhenNode& node) const {
        switch (node.kind) {
        case Kind::Number:
            return node.number;
        case Kind::Value:
            return target_value(node);
        case Kind::Fact:
            return fact(node.name);
        case Kind::Text:
            return text(node);
        case Kind::Logical:
            return logical(node);
        case Kind::Conditional: {
            const Value condition = value(node.operands[0]);
            if (!condition) return std::nullopt;
            const std::uint32_t chosen = node.operands[*condition != 0 ? 1 : 2];
            const Value result = value(chosen);
            return result ? Value(convert(*result, tree_[chosen].type, node.operands_type)) : std::nullopt;
        }
        default:
            break;
        }
        const Value operand = value(node.operands[0]);
        if (!operand) return std::nullopt;
        return node.kind == Kind::Cast ? cast_to(*operand, node.operands_type, node.cast)
                                       : apply(node.op, node.operands_type, *operand);
    }

    [[nodiscard]] Value logical(const WhenNode& node) const {
        if (node.op == WhenOperator::Not) {
            const Value operand = value(node.operands[0]);
            return operand ? Value(*operand == 0 ? 1 : 0) : std::nullopt;
        }
        std::vector<std::uint32_t> operands{node.operands[1]};
        std::uint32_t first = node.operands[0];
        for (; tree_[first].kind == Kind::Logical && tree_[first].op == node.op;
             first = tree_[first].operands[0])
            operands.push_back(tree_[first].operands[1]);
        operands.push_back(first);
        const bool decisive = node.op == WhenOperator::LogicalOr;
        std::reverse(operands.begin(), operands.end());
        for (const std::uint32_t operand : operands) {
            const Value one = value(operand);
            if (!one) return std::nullopt;
            if ((*one != 0) == decisive) return decisive ? 1 : 0;
        }
        return decisive ? 0 : 1;
    }

    [[nodiscard]] Value target_value(const WhenNode& node) const {
        const FieldPlace& place = node.place;
        const bool is_new = node.name == WhenName::New;
        if (is_new && values_.unreadable) return std::nullopt;
        const auto& bytes = is_new ? values_.new_bytes : values_.old_bytes;
        std::uint64_t bits = 0;
        std::memcpy(&bits, bytes.data() + place.offset, place.hops.empty() ? place.bytes : sizeof(bits));
        for (std::size_t hop = 0; hop < place.hops.size(); ++hop) {
            const std::uint64_t address = bits + place.hops[hop];
            std::array<std::uint8_t, sizeof(bits)> there{};
            const std::size_t size = hop + 1 == place.hops.size() ? place.bytes : sizeof(bits);
            if (!values_.read_kernel || !values_.read_kernel(address, std::span(there).first(size)))
                return std::nullopt;
            std::memcpy(&bits, there.data(), sizeof(bits));
        }
        if (place.bit_size != 0) return bit_field(bits, place.bit_offset, place.bit_size, place.is_signed);
        return narrowed(bits, {static_cast<std::uint8_t>(place.bytes), place.is_signed});
    }

    [[nodiscard]] Value fact(WhenName name) const {
        switch (name) {
        case WhenName::Delta:
            return values_.unreadable ? std::nullopt : Value(static_cast<std::uint64_t>(values_.delta));
        case WhenName::Pid:
            return values_.pid;
        case WhenName::Tid:
            return values_.tid;
        case WhenName::Cpu:
            return values_.cpu;
        case WhenName::Ip:
            return values_.ip;
        case WhenName::Width:
            return values_.width;
        default:
            return values_.hits;
        }
    }

    [[nodiscard]] Value text(const WhenNode& node) const {
        bool same = node.text == values_.comm;
        if (node.name == WhenName::Access) {
            if (values_.access == WhenAccess::Unknown) return std::nullopt;
            same = values_.access == access_named(node.text);
        }
        return same == (node.op == WhenOperator::Equal) ? 1 : 0;
    }

    const std::vector<WhenNode>& tree_;
    const WhenValues& values_;
};

} // namespace

std::optional<bool> evaluate(const WhenExpression& expression, const WhenValues& values) {
    if (values.target >= expression.targets()) return std::nullopt;
    const std::vector<WhenNode>& tree = expression.tree(values.target);
    const Value result = Judge(tree, values).value(static_cast<std::uint32_t>(tree.size() - 1));
    return result ? std::optional<bool>(*result != 0) : std::nullopt;
}

} // namespace stakeout
