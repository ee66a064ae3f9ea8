// What a script leaves open until it is loaded: its param()s and the addresses of its function()s, both
// constants in sections of their own (bpf/stakeout.h).
#pragma once

#include "base/result.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct bpf_object;

namespace stakeout {

struct ScriptParameter {
    std::string name;
    std::string value; // as typed: a number in C's notation, true or false, or text for a char array
};

struct TextRange {
    std::uint64_t start = 0;
    std::uint64_t end = 0; // exclusive
};
// A function's text, by the name that the script gives. Its error says why it cannot be found.
using FunctionLookup = std::function<Result<TextRange>(std::string_view name)>;

// Before the object is loaded. Errors (Usage): no such parameter, with those that the script has; a value
// that does not fit its type.
Status set_script_parameters(bpf_object* object, const std::vector<ScriptParameter>& parameters);
// Errors: the lookup's.
Status set_script_functions(bpf_object* object, const FunctionLookup& lookup);

} // namespace stakeout
