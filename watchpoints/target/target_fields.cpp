#include "watchpoints/target/target_fields.h"

#include "watchpoints/target/expression.h"

#include <fmt/format.h>

namespace stakeout {
namespace {

// The walk along a path wants to read pointers; here nobody knows their values yet. So it is given made-up
// ones, far apart, and each place where it reads one is a hop for the predicate to make when the hit happens.
constexpr std::uint64_t made_up_base = std::uint64_t{1} << 40U;

Result<FieldPlace> look_up(const Target& target, const KernelTypes* types, std::string_view path) {
    if (types == nullptr || target.type_id == 0)
        return usage_error("use a field", fmt::format("the type of {} is not known", target.name),
                           "compare old and new as numbers: (new >> 8) & 0xff");
    auto expression = parse_symbol("x" + std::string(path));
    if (!expression) return std::move(expression).error();
    std::vector<std::uint64_t> read_at;
    std::uint64_t base = made_up_base;
    const auto read = [&](std::uint64_t address, std::uint64_t& word) {
        read_at.push_back(address - base);
        base += made_up_base;
        word = base;
        return true;
    };
    auto place = types->walk(made_up_base, target.type_id, false, expression->path, read);
    if (!place) return std::move(place).error();
    if (place->size != 1 && place->size != 2 && place->size != 4 && place->size != 8)
        return usage_error("use a field", fmt::format("it is a {}, no number", place->type_name),
                           "name one of its fields or elements");
    FieldPlace field;
    std::vector<std::uint64_t> offsets = read_at;
    offsets.push_back(place->address - base);
    for (const std::uint64_t offset : offsets)
        if (offset > UINT32_MAX)
            return usage_error("use a field", "it lies too far from the start of its object");
    field.offset = static_cast<std::uint32_t>(offsets.front());
    for (std::size_t i = 1; i < offsets.size(); ++i)
        field.hops.push_back(static_cast<std::uint32_t>(offsets[i]));
    field.bytes = static_cast<std::uint32_t>(place->size);
    field.is_signed = place->is_signed;
    field.bit_offset = place->bit_offset;
    field.bit_size = place->bit_size;
    const std::uint64_t of_target = field.hops.empty() ? field.bytes : 8;
    if (field.offset + of_target > target.size)
        return usage_error("use a field",
                           fmt::format("it lies outside the {} bytes that are watched", target.size));
    return field;
}

} // namespace

std::vector<PredicateTarget> predicate_targets(const std::vector<Target>& targets) {
    std::vector<PredicateTarget> list;
    list.reserve(targets.size());
    for (const Target& target : targets)
        list.push_back({static_cast<std::uint32_t>(target.size), target.is_signed});
    return list;
}

FieldLookup target_fields(const std::vector<Target>& targets, const KernelTypes* types) {
    return [&targets, types](std::size_t target, std::string_view path) {
        return look_up(targets.at(target), types, path);
    };
}

} // namespace stakeout
