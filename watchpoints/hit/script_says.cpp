#include "watchpoints/hit/script_says.h"

#include <algorithm>
#include <cstring>

#define STAKEOUT_LAYOUT
#include "bpf/stakeout.h"

namespace stakeout {
namespace {

std::uint64_t low_bits(std::uint32_t count) {
    return count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

ScriptField field_of(const ScriptFieldLayout& layout, const std::vector<std::uint8_t>& bytes) {
    using Kind = ScriptFieldLayout::Kind;
    ScriptField field;
    field.name = layout.name;
    if (std::size_t{layout.offset} + layout.bytes > bytes.size() && layout.bit_size == 0) return field;
    if (layout.kind == Kind::Text) {
        field.kind = ScriptField::Kind::Text;
        const auto start = bytes.begin() + layout.offset;
        field.text.assign(start, std::find(start, start + layout.bytes, 0));
        return field;
    }
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data() + layout.offset,
                std::min<std::size_t>(layout.bytes, bytes.size() - layout.offset));
    const std::uint32_t bits = layout.bit_size != 0 ? layout.bit_size : layout.bytes * 8;
    number = (number >> layout.bit_offset) & low_bits(bits);
    const bool negative = (number >> (bits - 1) & 1U) != 0;
    if ((layout.kind == Kind::Signed || layout.kind == Kind::Enum) && negative) number |= ~low_bits(bits);
    field.number = number;
    switch (layout.kind) {
    case Kind::Signed:
        field.kind = ScriptField::Kind::Signed;
        break;
    case Kind::Bool:
        field.kind = ScriptField::Kind::Bool;
        break;
    case Kind::Address:
        field.kind = ScriptField::Kind::Address;
        break;
    case Kind::Enum:
        field.kind = ScriptField::Kind::Signed;
        for (const auto& [value, name] : layout.names)
            if (static_cast<std::uint64_t>(value) == number) {
                field.kind = ScriptField::Kind::Text;
                field.text = name;
            }
        break;
    case Kind::Unsigned:
    case Kind::Text:
        break;
    }
    return field;
}

} // namespace

ScriptSays script_says(const RawExtra& extra, const std::vector<ScriptFieldLayout>& layout) {
    ScriptSays says;
    says.refused = extra.refused;
    says.fields.reserve(layout.size());
    for (const ScriptFieldLayout& one : layout) says.fields.push_back(field_of(one, extra.fields));
    for (const RawSnapshot& raw : extra.snapshots)
        says.snapshots.push_back({raw.address, raw.failed, raw.bytes});
    return says;
}

Look look_of(const RawExtra& extra, const std::vector<ScriptFieldLayout>& layout) {
    Look look;
    look.where = extra.kind == SO_TASK_LOOK ? Look::Where::Task : Look::Where::Softirq;
    look.hit = extra.seq;
    look.time_ns = extra.time_ns;
    look.due_ns = extra.due_ns;
    look.cpu = extra.cpu;
    look.tid = extra.tid;
    look.hit_was_dropped = extra.hit_verdict == drop;
    look.kept = extra.verdict != drop;
    look.says = script_says(extra, layout);
    return look;
}

} // namespace stakeout
