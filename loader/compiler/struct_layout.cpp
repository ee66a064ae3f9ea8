#include "loader/compiler/struct_layout.h"

#include <fmt/format.h>

#include <algorithm>

namespace stakeout {
namespace {

std::uint64_t align_up(std::uint64_t value, std::uint64_t to) { return (value + to - 1) / to * to; }

// Where the compiler puts a member that follows after `at` bits.
std::uint64_t natural_place(std::uint64_t at, const StructLayout::Member& member, bool packed) {
    if (member.field_bits == 0) return align_up(at, packed ? 8 : std::uint64_t{member.align} * 8);
    const std::uint64_t unit = member.bytes * 8; // a bit-field does not reach over two units of its type
    const bool fits = packed || at % unit + member.field_bits <= unit;
    return fits ? at : align_up(at, unit);
}

std::string filler(std::uint64_t from, std::uint64_t to, unsigned& gaps) {
    std::string text;
    if (from / 8 == to / 8) return fmt::format("\tunsigned char : {};\n", to - from);
    if (from % 8 != 0) text += fmt::format("\tunsigned char : {};\n", 8 - from % 8);
    if (const std::uint64_t bytes = to / 8 - (from + 7) / 8; bytes != 0)
        text += fmt::format("\tunsigned char so_gap{}[{}];\n", gaps++, bytes);
    if (to % 8 != 0) text += fmt::format("\tunsigned char : {};\n", to % 8);
    return text;
}

} // namespace

bool StructLayout::print(bool packed, unsigned& gaps, Body& body) const {
    body = {"{\n", 1};
    std::uint64_t at = 0;  // bits
    std::uint64_t end = 0; // the same, of a union's largest member
    for (const Member& member : members_) {
        if (is_union_) at = 0;
        if (natural_place(at, member, packed) != member.offset_bits) {
            if (member.offset_bits < at) return false;
            if (at != member.offset_bits) body.text += filler(at, member.offset_bits, gaps);
            at = member.offset_bits;
            if (natural_place(at, member, packed) != at) return false;
        }
        body.text += fmt::format("\t{};\n", member.text);
        at = member.offset_bits + (member.field_bits != 0 ? member.field_bits : member.bytes * 8);
        end = std::max(end, at);
        if (!packed) body.align = std::max(body.align, member.align);
    }
    const std::uint64_t size_bits = bytes_ * 8;
    if (end > size_bits || bytes_ % body.align != 0) return false;
    if (align_up(end, std::uint64_t{body.align} * 8) != size_bits)
        body.text += filler(is_union_ ? 0 : end, size_bits, gaps);
    body.text += packed ? "} __attribute__((packed))" : "}";
    return true;
}

StructLayout::Body StructLayout::body(unsigned& gaps) const {
    Body body;
    if (print(false, gaps, body) || print(true, gaps, body)) return body;
    // Not of any compiler we know; its size is right, and its members cannot be named.
    return {fmt::format("{{\n\tunsigned char so_gap{}[{}];\n}}", gaps++, bytes_), 1};
}

} // namespace stakeout
