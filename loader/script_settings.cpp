#include "loader/script_settings.h"

#include "loader/btf_names.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <span>

#define STAKEOUT_LAYOUT
#include "bpf/stakeout.h"

namespace stakeout {
namespace {

struct Constant {
    std::string name;
    const btf_type* type = nullptr; // typedefs and qualifiers taken off
    std::span<char> room;
};

// The variables of one section, with the bytes that will be loaded.
std::vector<Constant> constants_in(bpf_object* object, const char* section) {
    std::vector<Constant> constants;
    const btf* types = bpf_object__btf(object);
    bpf_map* map = bpf_object__find_map_by_name(object, section);
    if (types == nullptr || map == nullptr) return constants;
    std::size_t size = 0;
    // libbpf hands it out as const, and means it to be written before the load.
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
    auto* bytes = static_cast<char*>(const_cast<void*>(bpf_map__initial_value(map, &size)));
    const std::int32_t id = btf__find_by_name_kind(types, section, BTF_KIND_DATASEC);
    if (bytes == nullptr || id <= 0) return constants;
    const btf_type* t = btf__type_by_id(types, static_cast<std::uint32_t>(id));
    for (const btf_var_secinfo& info : std::span<const btf_var_secinfo>(btf_var_secinfos(t), btf_vlen(t))) {
        const btf_type* variable = btf__type_by_id(types, info.type);
        if (variable == nullptr || std::size_t{info.offset} + info.size > size) continue;
        constants.push_back({std::string(name_at(types, variable->name_off)),
                             plain_type(types, variable->type), std::span(bytes + info.offset, info.size)});
    }
    return constants;
}

Error wrong_value(const ScriptParameter& parameter, const std::string& why) {
    return usage_error(fmt::format("set --param {}={}", parameter.name, parameter.value), why);
}

// "12", "-3", "0x1f", "true"; nullopt: not a number. A negative one has `negative` set.
struct Number {
    std::uint64_t magnitude = 0;
    bool negative = false;
};
std::optional<Number> parse(std::string_view text) {
    if (text == "true") return Number{1, false};
    if (text == "false") return Number{0, false};
    Number number;
    if (text.starts_with('-')) {
        number.negative = true;
        text.remove_prefix(1);
    }
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        base = 16;
        text.remove_prefix(2);
    }
    const auto [end, failed] =
        std::from_chars(text.data(), text.data() + text.size(), number.magnitude, base);
    if (failed != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return number;
}

bool fits(const Number& number, std::size_t bytes, bool is_signed) {
    const unsigned bits = static_cast<unsigned>(bytes) * 8;
    const std::uint64_t limit = is_signed ? std::uint64_t{1} << (bits - 1) : 0;
    if (number.negative) return is_signed ? number.magnitude <= limit : number.magnitude == 0;
    if (is_signed) return number.magnitude < limit;
    return bits == 64 || number.magnitude >> bits == 0;
}

Status set_number(const Constant& constant, const ScriptParameter& parameter) {
    const auto number = parse(parameter.value);
    if (!number) return wrong_value(parameter, "the script declares a number: write 12, -3 or 0x1f");
    const bool is_bool = btf_is_int(constant.type) && (btf_int_encoding(constant.type) & BTF_INT_BOOL) != 0;
    if (is_bool && (number->negative || number->magnitude > 1))
        return wrong_value(parameter, "the script declares true or false");
    const bool is_signed =
        btf_is_int(constant.type) && (btf_int_encoding(constant.type) & BTF_INT_SIGNED) != 0;
    if (!fits(*number, constant.room.size(), is_signed))
        return wrong_value(parameter,
                           fmt::format("it does not fit the script's type, {} bits {}",
                                       constant.room.size() * 8, is_signed ? "signed" : "unsigned"));
    const std::uint64_t value = number->negative ? ~number->magnitude + 1 : number->magnitude;
    std::memcpy(constant.room.data(), &value, constant.room.size());
    return done();
}

bool holds_text(const btf* types, const btf_type* type) {
    if (type == nullptr || !btf_is_array(type)) return false;
    const btf_type* element = plain_type(types, btf_array(type)->type);
    return element != nullptr && btf_is_int(element) && element->size == 1;
}

Status set_parameter(const Constant& constant, const ScriptParameter& parameter, const btf* types) {
    if (holds_text(types, constant.type)) {
        if (parameter.value.size() >= constant.room.size())
            return wrong_value(
                parameter, fmt::format("the script has room for {} characters", constant.room.size() - 1));
        std::fill(constant.room.begin(), constant.room.end(), '\0');
        std::copy(parameter.value.begin(), parameter.value.end(), constant.room.begin());
        return done();
    }
    const bool number = constant.type != nullptr &&
                        (btf_is_int(constant.type) || btf_is_any_enum(constant.type)) &&
                        constant.room.size() <= 8;
    if (!number) return wrong_value(parameter, "its type in the script is neither a number nor a char array");
    return set_number(constant, parameter);
}

} // namespace

Status set_script_parameters(bpf_object* object, const std::vector<ScriptParameter>& parameters) {
    const auto known = constants_in(object, ".rodata.param");
    for (const ScriptParameter& parameter : parameters) {
        const auto found = std::find_if(known.begin(), known.end(),
                                        [&](const Constant& c) { return c.name == parameter.name; });
        if (found == known.end()) {
            std::vector<std::string> names;
            names.reserve(known.size());
            for (const Constant& one : known) names.push_back(one.name);
            return usage_error(fmt::format("set --param {}", parameter.name),
                               "the script has no such parameter",
                               names.empty() ? "it has none: param(TYPE, NAME, DEFAULT) declares one"
                                             : fmt::format("it has: {}", fmt::join(names, ", ")));
        }
        if (auto set = set_parameter(*found, parameter, bpf_object__btf(object)); !set) return set;
    }
    return done();
}

Status set_script_functions(bpf_object* object, const FunctionLookup& lookup) {
    for (const Constant& constant : constants_in(object, ".rodata.function")) {
        so_function function{};
        if (constant.room.size() != sizeof(function)) continue;
        std::memcpy(&function, constant.room.data(), sizeof(function));
        function.name[sizeof(function.name) - 1] = '\0';
        auto range = lookup(function.name);
        if (!range) return std::move(range).error();
        function.start = range->start;
        function.end = range->end;
        std::memcpy(constant.room.data(), &function, sizeof(function));
    }
    return done();
}

} // namespace stakeout
