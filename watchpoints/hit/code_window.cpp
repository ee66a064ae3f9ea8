#include "watchpoints/hit/code_window.h"

#include "watchpoints/hit/disassembler.h"

#include <algorithm>

namespace stakeout {

CodeWindow CodeWindow::between(std::uint64_t start, std::uint64_t until, const CodeReader& code) {
    CodeWindow window;
    window.start_ = start;
    if (until < start) return window;
    const std::size_t wanted = until - start;
    window.bytes_.resize(wanted + max_instruction_bytes);
    std::size_t got = std::min(code(start, window.bytes_), window.bytes_.size());
    if (got < wanted) {
        // All or nothing is what some readers do: ask once more for what is needed.
        got = std::min(code(start, std::span(window.bytes_).first(wanted)), wanted);
    }
    window.bytes_.resize(got < wanted ? 0 : got);
    return window;
}

CodeWindow CodeWindow::before(std::uint64_t ip, const CodeReader& code) {
    for (std::uint64_t back :
         {64U, 48U, 32U, 24U, 16U, 15U, 14U, 13U, 12U, 11U, 10U, 9U, 8U, 7U, 6U, 5U, 4U, 3U, 2U, 1U}) {
        if (back > ip) continue;
        CodeWindow window = between(ip - back, ip, code);
        if (!window.empty()) return window;
    }
    return between(ip, ip, code);
}

} // namespace stakeout
