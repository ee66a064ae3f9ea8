#include "keeper/hot_stacks.h"

#include <fmt/format.h>

#include <algorithm>

namespace stakeout {
namespace {

constexpr std::size_t frames_shown = 5;

// FNV-1a over the addresses: two processes' equal addresses are told apart by the PID.
std::uint64_t key_of(const Hit& hit) {
    std::uint64_t key = 0xcbf29ce484222325;
    const auto mix = [&key](std::uint64_t word) { key = (key ^ word) * 0x100000001b3; };
    mix(hit.ip);
    for (const Frame& frame : hit.kernel_stack) mix(frame.ip);
    if (!hit.user_stack.empty()) mix(hit.pid);
    for (const Frame& frame : hit.user_stack) mix(frame.ip);
    return key;
}

} // namespace

std::string one_line_stack(const Hit& hit, std::size_t most) {
    std::string line;
    std::size_t shown = 0;
    for (const auto* stack : {&hit.kernel_stack, &hit.user_stack})
        for (const Frame& frame : *stack) {
            if (shown++ == most) return line;
            if (!line.empty()) line += " < ";
            line += frame.symbol.empty() ? fmt::format("{:#x}", frame.ip)
                                         : fmt::format("{}+{:#x}", frame.symbol, frame.offset);
        }
    return line;
}

void HotStacks::add(const Hit& hit) {
    const std::uint64_t key = key_of(hit);
    const auto known = stacks_.find(key);
    if (known != stacks_.end()) {
        ++known->second.hits;
        return;
    }
    if (stacks_.size() >= most_stacks) {
        ++others_.hits;
        return;
    }
    std::string line = one_line_stack(hit, frames_shown);
    if (line.empty()) line = fmt::format("{:#x}", hit.ip);
    stacks_.emplace(key, HotStack{std::move(line), 1});
}

std::vector<HotStack> HotStacks::hottest(std::size_t most) const {
    std::vector<HotStack> sorted;
    sorted.reserve(stacks_.size() + 1);
    for (const auto& [key, stack] : stacks_) sorted.push_back(stack);
    if (others_.hits != 0) sorted.push_back(others_);
    const std::size_t shown = std::min(most, sorted.size());
    std::partial_sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(shown), sorted.end(),
                      [](const HotStack& a, const HotStack& b) { return a.hits > b.hits; });
    sorted.resize(shown);
    return sorted;
}

} // namespace stakeout
