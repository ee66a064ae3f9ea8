// Counts hits by their stacks, for a screen that shows the hottest: bounded, and cheap for a stack it knows.
#pragma once

#include "keeper/watch_status.h"
#include "watchpoints/hit/hit.h"

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace stakeout {

class HotStacks {
  public:
    void add(const Hit& hit);
    [[nodiscard]] std::vector<HotStack> hottest(std::size_t most) const;

  private:
    static constexpr std::size_t most_stacks = 1024; // further ones are not told apart
    std::unordered_map<std::uint64_t, HotStack> stacks_;
    HotStack others_{"(other stacks)", 0};
};

// "fn+0x1c < caller+0x9 < main+0x41": at most `most` frames, the kernel's before the user's.
std::string one_line_stack(const Hit& hit, std::size_t most);

} // namespace stakeout
