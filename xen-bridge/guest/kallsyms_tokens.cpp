#include "xen-bridge/guest/kallsyms_tokens.h"

#include <algorithm>
#include <span>

namespace stakeout {
namespace {

using namespace std::string_view_literals;
constexpr std::string_view digits_text = "0\0001\0002\0003\0004\0005\0006\0007\0008\0009\0"sv;
static_assert(digits_text.size() == 20);

constexpr std::size_t page = 4096;
constexpr std::size_t chunk = 1U << 20;
constexpr std::size_t longest_token = 512; // KSYM_NAME_LEN: no token is longer than a name
constexpr std::size_t first_digit = '0';
constexpr std::size_t token_count = 256;

std::size_t round_up(std::size_t value, std::size_t to) { return (value + to - 1) / to * to; }

// Behind the last token, the first of which (of those looked at) lies at `at`. nullopt: no tokens.
std::optional<std::size_t> tokens_end(std::string_view text, std::size_t at, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t end = text.substr(0, std::min(text.size(), at + longest_token)).find('\0', at);
        if (end == std::string_view::npos) return std::nullopt;
        at = end + 1;
    }
    return at;
}

// The tokens, if the 256 offsets at `index` describe them.
std::optional<KallsymsTokens> described_by(const MemoryWindow& window, std::size_t digits,
                                           std::size_t index) {
    if (!window.holds(index, token_count * 2) || window.number<std::uint16_t>(index) != 0)
        return std::nullopt;
    const std::size_t before = window.number<std::uint16_t>(index + 2 * first_digit);
    if (before > digits) return std::nullopt;
    KallsymsTokens found;
    found.start = digits - before;
    found.end = index + token_count * 2;
    const std::string_view text = window.text();
    std::size_t offset = 0;
    for (std::size_t i = 0; i < token_count; ++i) {
        if (window.number<std::uint16_t>(index + 2 * i) != offset) return std::nullopt;
        const std::size_t at = found.start + offset;
        const std::size_t end = text.find('\0', at);
        if (end == std::string_view::npos || end - at >= longest_token) return std::nullopt;
        found.tokens.at(i) = text.substr(at, end - at);
        offset = end + 1 - found.start;
    }
    return found;
}

} // namespace

MemoryWindow::MemoryWindow(const CodeReader& memory, std::uint64_t start, std::uint64_t end) {
    refill(memory, start, end);
}

void MemoryWindow::refill(const CodeReader& memory, std::uint64_t start, std::uint64_t end) {
    start_ = start;
    bytes_.assign(end > start ? end - start : 0, 0);
    for (std::size_t at = 0; at < bytes_.size();) {
        const auto rest = std::span(bytes_).subspan(at);
        const std::size_t got = memory(start + at, rest);
        at += std::min(got, rest.size());
        if (got < rest.size()) at = round_up(start + at + 1, page) - start; // over the page that is not there
    }
}

std::string_view MemoryWindow::text() const {
    const void* const start = bytes_.data();
    return {static_cast<const char*>(start), bytes_.size()};
}

std::optional<KallsymsTokens> KallsymsTokens::at_digits(const MemoryWindow& window, std::size_t digits) {
    const auto end = tokens_end(window.text(), digits, token_count - first_digit);
    if (!end) return std::nullopt;
    // Labels are aligned to 8 bytes on 64-bit machines (ALGN of scripts/kallsyms.c); smaller ones cost
    // nothing.
    for (const std::size_t alignment : {8U, 4U, 2U})
        if (auto found =
                described_by(window, digits, round_up(window.start() + *end, alignment) - window.start()))
            return found;
    return std::nullopt;
}

std::optional<std::uint64_t> next_digits(const CodeReader& memory, std::uint64_t start, std::uint64_t end) {
    for (std::uint64_t at = start; at < end; at += chunk) {
        // A little of the next piece too: the digits may lie across the border.
        const MemoryWindow window(memory, at,
                                  std::min<std::uint64_t>(end, at + chunk + digits_text.size() - 1));
        const std::size_t place = window.text().find(digits_text);
        if (place != std::string_view::npos) return at + place;
    }
    return std::nullopt;
}

} // namespace stakeout
