// The headers that scripts include, from inside the binary (loader/compiler/CMakeLists.txt lists them): ours,
// libbpf's, those of the kernel's user interface, and the few of C that make sense without a C library.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace stakeout {

// As read by the assembler: cmake/embed.cmake, embed_table.
struct EmbeddedHeader {
    const char* name; // "bpf/bpf_helpers.h", as in an #include
    const char* text; // a zero byte stands at `end`
    const char* end;
};

std::span<const EmbeddedHeader> embedded_headers();

std::optional<std::string_view> embedded_header(std::string_view name);

} // namespace stakeout
