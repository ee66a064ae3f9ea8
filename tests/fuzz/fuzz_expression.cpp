// libFuzzer: the target-expression parsers. Anything may come; what parses must survive being written out and
// read again.
#include "watchpoints/target/expression.h"

#include <cstdint>
#include <cstdlib>
#include <string>

using namespace stakeout;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(data, data + size);
    if (const auto symbol = parse_symbol(text)) {
        const std::string again = (symbol->module.empty() ? "" : symbol->module + ":") + symbol->name + "+" +
                                  std::to_string(symbol->offset) + to_text(symbol->path);
        const auto second = parse_symbol(again);
        if (!second || second->name != symbol->name || second->path != symbol->path ||
            second->offset != symbol->offset)
            std::abort();
    } else if (symbol.error().failure != Failure::Usage) {
        std::abort();
    }
    if (const auto object = parse_object(text); object && object->arguments.empty()) std::abort();
    if (const auto range = parse_range(text); range && range->end < range->start) std::abort();
    (void)parse_number(text);
    return 0;
}
