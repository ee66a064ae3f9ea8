// Code bytes at a made-up address, for the tests of watchpoints/hit/instruction.h.
#pragma once

#include "watchpoints/hit/instruction.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace stakeout::test {

class CodeMemory {
  public:
    void put(std::uint64_t address, std::vector<std::uint8_t> bytes) { blocks_[address] = std::move(bytes); }

    [[nodiscard]] CodeReader reader() const {
        return [this](std::uint64_t address, std::span<std::uint8_t> into) -> std::size_t {
            auto block = blocks_.upper_bound(address);
            if (block == blocks_.begin()) return 0;
            --block;
            const std::uint64_t within = address - block->first;
            if (within >= block->second.size()) return 0;
            const std::size_t count = std::min<std::size_t>(into.size(), block->second.size() - within);
            std::copy_n(block->second.begin() + static_cast<std::ptrdiff_t>(within), count, into.begin());
            return count;
        };
    }

  private:
    std::map<std::uint64_t, std::vector<std::uint8_t>> blocks_;
};

} // namespace stakeout::test
