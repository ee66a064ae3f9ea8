// What the user typed to name memory, parsed: no look-ups here.
//
//   SYMBOL     [MODULE:]NAME[+OFFSET] PATH     my_state  nf_tables:nf_tables_ids init_task.signal->nr_threads
//   OBJECT     KIND(NUMBER[,NUMBER]) PATH      task(1234)->clear_child_tid  file(1234,3)->f_pos
//   RANGE      ADDRESS | START-END             0xffff888012345678  0x1000-0x1010 (END exclusive)
//   PATH       (.FIELD | ->FIELD | [INDEX])*
//
// MODULE is a kernel module, or with --pid a mapped file's name (libc.so.6). NAME may hold dots before digits
// (GCC's static locals: count.0) and C++ scopes (ns::counter). Numbers are decimal, or hexadecimal with 0x.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

struct PathStep {
    enum class Kind { Member, Arrow, Index } kind = Kind::Member;
    std::string field;       // Member, Arrow
    std::uint64_t index = 0; // Index
    bool operator==(const PathStep&) const = default;
};

struct SymbolExpression {
    std::string text;   // as typed
    std::string module; // empty: any
    std::string name;
    std::uint64_t offset = 0;
    std::vector<PathStep> path;
};

struct ObjectExpression {
    std::string text;
    std::string kind; // "task", "file"
    std::vector<std::uint64_t> arguments;
    std::vector<PathStep> path;
};

struct AddressRange {
    std::uint64_t start = 0;
    std::uint64_t end = 0; // exclusive; equal to start: only an address was given
};

// Errors are Usage, and point at the character that cannot be read.
Result<SymbolExpression> parse_symbol(std::string_view text);
Result<ObjectExpression> parse_object(std::string_view text);
Result<AddressRange> parse_range(std::string_view text);
Result<std::uint64_t> parse_number(std::string_view text);

std::string to_text(const std::vector<PathStep>& path);

} // namespace stakeout
