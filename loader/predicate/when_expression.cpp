#include "loader/predicate/when_expression.h"

#include "bpf/record.h"
#include "loader/predicate/when_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace stakeout {
namespace {

using Kind = WhenNode::Kind;

StoredType type_of_fact(WhenName name) {
    switch (name) {
    case WhenName::Delta:
        return {8, true};
    case WhenName::Ip:
    case WhenName::Hits:
        return {8, false};
    default:
        return {4, false};
    }
}

bool has_number_width(std::uint32_t bytes) { return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8; }

// A place that the emitted code can read without looking again.
bool is_readable(const FieldPlace& place) {
    constexpr std::uint32_t most = std::numeric_limits<std::int32_t>::max(); // a BPF immediate
    const std::uint32_t here = place.hops.empty() ? place.bytes : 8;
    return has_number_width(place.bytes) && here <= SO_REGION_BYTES &&
           place.offset <= SO_REGION_BYTES - here && place.bit_size <= place.bytes * 8 &&
           place.bit_offset <= place.bytes * 8 - place.bit_size &&
           std::all_of(place.hops.begin(), place.hops.end(), [](std::uint32_t hop) { return hop <= most; });
}

// Gives one target's tree its types: a loop over the nodes, as operands stand before their operators.
class Binder {
  public:
    Binder(const WhenSyntax& syntax, std::size_t target, const PredicateTarget& what,
           const FieldLookup& lookup)
        : syntax_(syntax), target_(target), what_(what), lookup_(lookup) {}

    Result<std::vector<WhenNode>> bind() {
        for (const WhenSyntaxNode& from : syntax_.nodes) {
            auto node = bind_one(from);
            if (!node) return std::move(node).error();
            tree_.push_back(std::move(*node));
        }
        return std::move(tree_);
    }

  private:
    [[nodiscard]] Error error(const WhenSyntaxNode& node, std::string cause, std::string remedy) const {
        return when_error(syntax_.text, node.column, node.length, std::move(cause), std::move(remedy));
    }

    Result<WhenNode> bind_one(const WhenSyntaxNode& from) {
        WhenNode node;
        std::copy(from.operands.begin(), from.operands.end(), std::begin(node.operands));
        node.op = from.op;
        switch (from.kind) {
        case WhenSyntaxNode::Kind::Number:
        case WhenSyntaxNode::Kind::Text: // is read by the comparison that it stands in
            node.number = from.number;
            node.type = from.type;
            return node;
        case WhenSyntaxNode::Kind::Name:
            return name(from, std::move(node));
        case WhenSyntaxNode::Kind::Unary:
            return unary(std::move(node));
        case WhenSyntaxNode::Kind::Cast:
            node.kind = Kind::Cast;
            node.cast = from.cast;
            node.operands_type = operand(node, 0).type;
            node.type = promoted(from.cast);
            node.held = operand(node, 0).held;
            return folded(std::move(node));
        case WhenSyntaxNode::Kind::Conditional:
            node.kind = Kind::Conditional;
            node.type = node.operands_type = common_type(operand(node, 1).type, operand(node, 2).type);
            node.held = std::max({operand(node, 0).held, operand(node, 1).held, operand(node, 2).held});
            return node;
        case WhenSyntaxNode::Kind::Binary:
            break;
        }
        return binary(std::move(node));
    }

    [[nodiscard]] const WhenNode& operand(const WhenNode& node, std::size_t which) const {
        return tree_[node.operands[which]];
    }

    Result<WhenNode> name(const WhenSyntaxNode& from, WhenNode node) {
        node.name = from.name;
        if (from.name == WhenName::Comm || from.name == WhenName::Access) return node; // as a Text
        const bool is_value = from.name == WhenName::Old || from.name == WhenName::New;
        if (is_value && !from.text.empty()) return field(from, std::move(node));
        if ((is_value || from.name == WhenName::Delta) && !has_number_width(what_.width))
            return error(from,
                         fmt::format("the target has {} bytes and is no number; numbers have 1, 2, 4 or 8",
                                     what_.width),
                         "name a field of it (new.field), or use --changed");
        if (is_value) {
            node.kind = Kind::Value;
            node.place.bytes = what_.width;
            node.place.is_signed = what_.is_signed;
            node.type = promoted({static_cast<std::uint8_t>(what_.width), what_.is_signed});
        } else {
            node.kind = Kind::Fact;
            node.type = promoted(type_of_fact(from.name));
        }
        return node;
    }

    Result<WhenNode> field(const WhenSyntaxNode& from, WhenNode node) {
        if (!lookup_)
            return error(from, "the target's type is not known, so it has no fields",
                         "name the target by --symbol or --object");
        auto place = lookup_(target_, from.text);
        if (!place) {
            Error failed = std::move(place).error();
            failed.failure = Failure::Usage;
            failed.tried = "understand --when";
            (failed.remedy.empty() ? failed.cause : failed.remedy) +=
                marked_place(syntax_.text, from.column, from.length);
            return failed;
        }
        if (!has_number_width(place->bytes))
            return error(from,
                         fmt::format("this field has {} bytes and is no number; numbers have 1, 2, 4 or 8",
                                     place->bytes),
                         "name a field of it");
        if (!is_readable(*place))
            return error(from,
                         fmt::format("this field lies outside the {} bytes that are watched", what_.width),
                         "name one inside of them, or watch it itself");
        node.kind = Kind::Value;
        node.place = std::move(*place);
        node.type = node.place.bit_size != 0
                        ? promoted_bits(node.place.bit_size, node.place.is_signed)
                        : promoted({static_cast<std::uint8_t>(node.place.bytes), node.place.is_signed});
        return node;
    }

    Result<WhenNode> unary(WhenNode node) const {
        const WhenNode& inner = operand(node, 0);
        if (node.op == WhenOperator::Plus) return WhenNode(inner); // promotion has been done
        node.kind = node.op == WhenOperator::Not ? Kind::Logical : Kind::Unary;
        node.operands_type = inner.type;
        node.type = node.op == WhenOperator::Not ? WhenType::I32 : inner.type;
        node.held = inner.held;
        return folded(std::move(node));
    }

    Result<WhenNode> binary(WhenNode node) const {
        const WhenSyntaxNode& left_syntax = syntax_.nodes[node.operands[0]];
        const WhenSyntaxNode& right_syntax = syntax_.nodes[node.operands[1]];
        const WhenNode& left = operand(node, 0);
        const WhenNode& right = operand(node, 1);
        if (left_syntax.kind == WhenSyntaxNode::Kind::Text ||
            right_syntax.kind == WhenSyntaxNode::Kind::Text) {
            const bool turned = left_syntax.kind == WhenSyntaxNode::Kind::Text;
            node.kind = Kind::Text;
            node.name = turned ? right_syntax.name : left_syntax.name;
            node.text = turned ? left_syntax.text : right_syntax.text;
            return node;
        }
        if (node.op == WhenOperator::LogicalAnd || node.op == WhenOperator::LogicalOr) {
            node.kind = Kind::Logical;
            node.held = std::max(left.held, right.held);
            return node;
        }
        node.kind = Kind::Binary;
        node.operands_type = is_shift(node.op) ? left.type : common_type(left.type, right.type);
        node.type = is_comparison(node.op) ? WhenType::I32 : node.operands_type;
        // The operand that holds more is computed first, and waits on the stack for the other one. Leaves
        // need no waiting: they are read into a second register.
        if (is_leaf(right))
            node.held = left.held;
        else
            node.held = left.held >= right.held ? std::max(left.held, right.held + 1)
                                                : std::max(right.held, left.held + 1);
        return folded(std::move(node));
    }

    // Operations on literals are made here.
    Result<WhenNode> folded(WhenNode node) const {
        const WhenNode& left = operand(node, 0);
        const bool two = node.kind == Kind::Binary;
        if (left.kind != Kind::Number || (two && operand(node, 1).kind != Kind::Number)) return node;
        WhenNode number;
        number.type = node.type;
        if (node.kind == Kind::Cast) {
            number.number = cast_to(left.number, left.type, node.cast);
        } else if (two) {
            const WhenNode& right = operand(node, 1);
            const WhenType right_type = is_shift(node.op) ? right.type : node.operands_type;
            number.number =
                apply(node.op, node.operands_type, convert(left.number, left.type, node.operands_type),
                      convert(right.number, right.type, right_type));
        } else {
            number.number = apply(node.op, left.type, left.number);
        }
        return number;
    }

    const WhenSyntax& syntax_;
    std::size_t target_;
    PredicateTarget what_;
    const FieldLookup& lookup_;
    std::vector<WhenNode> tree_;
};

} // namespace

WhenAccess access_named(std::string_view name) {
    if (name == "read") return WhenAccess::Read;
    if (name == "write") return WhenAccess::Write;
    return name == "execute" ? WhenAccess::Execute : WhenAccess::Unknown;
}

bool is_leaf(const WhenNode& node) {
    return node.kind == Kind::Number || node.kind == Kind::Value || node.kind == Kind::Fact;
}

Result<WhenExpression> WhenExpression::bind(const WhenSyntax& syntax,
                                            const std::vector<PredicateTarget>& targets,
                                            const FieldLookup& lookup) {
    WhenExpression expression;
    expression.text_ = syntax.text;
    for (std::size_t target = 0; target < targets.size(); ++target) {
        auto tree = Binder(syntax, target, targets[target], lookup).bind();
        if (!tree) return std::move(tree).error();
        for (const WhenNode& node : *tree) {
            if (node.kind == Kind::Text && node.name == WhenName::Access) expression.uses_access_ = true;
            if (node.kind == Kind::Value && !node.place.hops.empty()) expression.uses_kernel_reads_ = true;
        }
        expression.trees_.push_back(std::move(*tree));
    }
    return expression;
}

} // namespace stakeout
