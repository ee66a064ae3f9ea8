#include "loader/libbpf_log.h"

#include <bpf/libbpf.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <utility>

namespace stakeout {
namespace {

std::string& kept() {
    static std::string text;
    return text;
}

__attribute__((format(printf, 2, 0))) int keep(enum libbpf_print_level level, const char* format,
                                               va_list arguments) {
    if (level != LIBBPF_WARN) return 0;
    std::array<char, 1024> line{};
    const int length = std::vsnprintf(line.data(), line.size(), format, arguments);
    kept() += line.data();
    constexpr std::size_t most = 2048;
    if (kept().size() > most) kept().erase(0, kept().size() - most);
    return length;
}

} // namespace

void capture_libbpf_messages() { libbpf_set_print(keep); }

std::string take_libbpf_messages() {
    std::string text = std::exchange(kept(), {});
    std::replace(text.begin(), text.end(), '\n', ' ');
    // Names out of an object may be any bytes, and this goes to a terminal.
    std::replace_if(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return text;
}

} // namespace stakeout
