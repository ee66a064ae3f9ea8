// libFuzzer: --when. Anything may be typed; what parses is judged by values from the input and becomes a
// program. The input: 64 bytes of values, the rest is the expression.
#include "loader/predicate/predicate_code.h"
#include "loader/predicate/when_value.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

using namespace stakeout;

namespace {

Result<FieldPlace> some_field(std::size_t target, std::string_view path) {
    if (path.size() > 40) return usage_error("find a field", "there is none");
    FieldPlace place{static_cast<std::uint32_t>(path.size()), {}, 1U << (path.size() % 5), target == 0, 0, 0};
    for (const char c : path)
        if (c == '>') place.hops.push_back(static_cast<std::uint32_t>(path.size()) * 8);
    if (path.ends_with(']')) place.bit_size = place.bit_offset = place.bytes * 4;
    return place;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    WhenValues values;
    if (size < 2 * values.old_bytes.size()) return 0;
    std::copy_n(data, values.old_bytes.size(), values.old_bytes.begin());
    std::copy_n(data + values.old_bytes.size(), values.new_bytes.size(), values.new_bytes.begin());
    const std::string text(data + 2 * values.old_bytes.size(), data + size);
    const auto syntax = parse_when(text);
    if (!syntax) {
        if (syntax.error().failure != Failure::Usage || syntax.error().remedy.empty()) std::abort();
        return 0;
    }
    values.unreadable = values.old_bytes[0] == 0;
    values.access = static_cast<WhenAccess>(values.old_bytes[1] % 4);
    values.pid = values.old_bytes[2];
    values.comm = "bash";
    values.read_kernel = [&](std::uint64_t address, std::span<std::uint8_t> into) {
        std::fill(into.begin(), into.end(), static_cast<std::uint8_t>(address));
        return address % 7 != 0;
    };
    PredicateRequest request;
    request.targets = {{8, true}, {1U << (values.old_bytes[3] % 6), false}};
    const auto expression = WhenExpression::bind(*syntax, request.targets, some_field);
    if (!expression) return 0;
    for (values.target = 0; values.target < 3; ++values.target) (void)evaluate(*expression, values);
    request.when = &*expression;
    for (const PredicateEnd end : {PredicateEnd::TailCall, PredicateEnd::Verdict}) {
        const auto code = predicate_code(request, end);
        if (code ? code->empty() : code.error().failure != Failure::Usage) std::abort();
    }
    return 0;
}
