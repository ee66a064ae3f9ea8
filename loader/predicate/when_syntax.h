// What --when says, parsed: no types of targets, no fields looked up. See man stakeout-watch, --when.
//
//   new == 0 && comm != "systemd"        (u8)new > 3 ? pid == 1 : old.flags & 0x10        new->pid != tid
//
// C's operators without side effects, its precedence and its integer literals. Names:
//   old new            the target's value before and after; or a field of it: new.a.b[2], new->pid (the
//   target is
//                      a pointer, followed in the kernel when the hit happens)
//   delta              new - old
//   pid tid cpu ip     who made the access, where
//   width hits         bytes of the target; the number of this hit in the watch
//   comm access        only == and != with a string: comm == "bash", access == "write"
//   true false NULL    1, 0, 0
#pragma once

#include "base/result.h"
#include "loader/predicate/when_types.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

enum class WhenName : std::uint8_t { Old, New, Delta, Pid, Tid, Cpu, Comm, Ip, Access, Width, Hits };

struct WhenSyntaxNode {
    enum class Kind : std::uint8_t { Number, Text, Name, Unary, Cast, Binary, Conditional };
    Kind kind = Kind::Number;
    WhenOperator op = WhenOperator::Plus;    // Unary, Binary
    WhenType type = WhenType::I32;           // Number
    WhenName name = WhenName::Old;           // Name
    StoredType cast;                         // Cast
    std::uint64_t number = 0;                // Number
    std::string text;                        // Text: its characters; Name: the field's path, "" or ".a.b[2]"
    std::array<std::uint32_t, 3> operands{}; // indices into nodes, all before this one's; condition first
    std::uint32_t column = 0, length = 0;    // where in the expression: of an operator, its sign
    std::uint32_t depth = 1;                 // levels of nesting; chains of one precedence are one level
};

struct WhenSyntax {
    static constexpr std::size_t most_characters = 4096;
    static constexpr std::uint32_t most_levels = 64;

    std::string text;
    std::vector<WhenSyntaxNode> nodes; // operands before their operators; the last is the whole expression
};

// Error (Usage): shows the expression and marks the place.
Result<WhenSyntax> parse_when(std::string_view text);

} // namespace stakeout
