// Judges a --when expression in user space: for what the kernel side cannot know, and as the second opinion
// in tests. The same answers as the emitted program's.
#pragma once

#include "bpf/record.h"
#include "loader/predicate/when_expression.h"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

namespace stakeout {

// What one hit is judged by. The caller fills all of it; `delta` as struct hit has it (bpf/stakeout.h).
struct WhenValues {
    std::size_t target = 0;
    std::array<std::uint8_t, SO_REGION_BYTES> old_bytes{}, new_bytes{};
    bool unreadable = false; // new_bytes and delta are not known
    std::int64_t delta = 0;
    std::uint64_t ip = 0, hits = 0;
    std::uint32_t width = 0, cpu = 0, pid = 0, tid = 0;
    WhenAccess access = WhenAccess::Unknown;
    std::string_view comm;
    // Reads kernel memory; false: it cannot be read. Empty: nothing can.
    std::function<bool(std::uint64_t address, std::span<std::uint8_t> into)> read_kernel;
};

// Nothing: cannot be judged (when_expression.h).
[[nodiscard]] std::optional<bool> evaluate(const WhenExpression& expression, const WhenValues& values);

} // namespace stakeout
