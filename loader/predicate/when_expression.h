// A --when expression with its types: what parse_when() read, for the targets of one watch. Types differ
// between targets, so there is one tree for each.
//
// Types of the names, before C's promotions: old and new as the target (1, 2, 4, 8 bytes; signed where its
// type is), fields as the kernel's types say; delta s64; pid tid cpu width u32; ip hits u64.
//
// What cannot be judged: an expression that comes to need, in C's order of evaluation, `new` or `delta` of a
// hit whose memory could not be read, memory behind a pointer that cannot be read, or `access` of a hit whose
// access is not known. `pid == 7 && new == 0` is false for every other process, readable or not.
#pragma once

#include "base/result.h"
#include "loader/predicate/when_syntax.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

enum class WhenAccess : std::uint8_t { Unknown, Read, Write, Execute }; // as enum so_access of bpf/stakeout.h
// "read", "write", "execute"
[[nodiscard]] WhenAccess access_named(std::string_view name);

struct PredicateTarget {
    std::uint32_t width = 0; // bytes
    bool is_signed = false;
};

// Where a field's value is.
struct FieldPlace {
    std::uint32_t offset = 0; // in the target's bytes
    // Not empty: the 8 bytes at `offset` are a pointer p; the value is at p + hops[0]. With more hops a
    // pointer is there, and so on; the value is behind the last.
    std::vector<std::uint32_t> hops;
    std::uint32_t bytes = 0; // of the value, or of what holds the bit-field: 1, 2, 4, 8
    bool is_signed = false;
    std::uint32_t bit_offset = 0; // from the least significant bit of these bytes
    std::uint32_t bit_size = 0;   // 0: no bit-field
};

// `path` as typed after old or new, without spaces: ".a.b[2]", "->signal->nr_threads". The error's cause and
// remedy are shown under the path's place in the expression.
using FieldLookup = std::function<Result<FieldPlace>(std::size_t target, std::string_view path)>;

// One operation. Operands are nodes before it, and are converted to `operands_type`; but for the count of a
// shift.
struct WhenNode {
    enum class Kind : std::uint8_t {
        Number,
        Value,       // old, new or a field of theirs: `place`
        Fact,        // delta pid tid cpu ip width hits: `name`
        Text,        // comm or access (`name`) is or is not `text`: `op` Equal or NotEqual
        Unary,       // Complement, Minus
        Cast,        // `cast`
        Binary,      // arithmetic and comparisons
        Logical,     // && ||, and ! with one operand
        Conditional, // operands[0] ? operands[1] : operands[2]
    };
    Kind kind = Kind::Number;
    WhenOperator op = WhenOperator::Plus;
    WhenType type = WhenType::I32;          // of the result
    WhenType operands_type = WhenType::I32; // Unary, Binary, Conditional: of the operands
    WhenName name = WhenName::Old;
    StoredType cast;
    std::uint64_t number = 0;
    std::string text;
    FieldPlace place;
    std::uint32_t operands[3] = {};
    std::uint32_t held = 0; // values that wait on the stack while this is computed, at most
};

// Number, Value, Fact: what is read without computing.
[[nodiscard]] bool is_leaf(const WhenNode& node);

class WhenExpression {
  public:
    // Errors: Usage, with the expression and the place marked.
    static Result<WhenExpression> bind(const WhenSyntax& syntax, const std::vector<PredicateTarget>& targets,
                                       const FieldLookup& lookup);

    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] std::size_t targets() const { return trees_.size(); }
    // Operands before operators; the last node is the whole expression.
    [[nodiscard]] const std::vector<WhenNode>& tree(std::size_t target) const { return trees_[target]; }

    [[nodiscard]] bool uses_access() const { return uses_access_; }
    [[nodiscard]] bool uses_kernel_reads() const { return uses_kernel_reads_; } // follows a pointer

  private:
    std::string text_;
    std::vector<std::vector<WhenNode>> trees_; // one for each target
    bool uses_access_ = false;
    bool uses_kernel_reads_ = false;
};

} // namespace stakeout
