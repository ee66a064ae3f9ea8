// The kernel's helper functions: their numbers and names (from libbpf's header), and which of them a program
// that runs in the debug exception may call.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace stakeout {

// Empty: no helper that libbpf knows has this number.
std::string_view helper_name(unsigned number);

// The helper whose name is nearest to a misspelt one; empty: none is near.
std::string nearest_helper(std::string_view name);

struct HelperRefusal {
    std::string_view why;
    std::string_view instead; // may be empty
};
// Why a perf event program cannot call it; nothing when it can, or when this table is older than the helper.
std::optional<HelperRefusal> refused_in_hit(unsigned number);
// The same for a function of the kernel (kfunc).
std::optional<HelperRefusal> refused_in_hit(std::string_view kernel_function);

} // namespace stakeout
