// Code bytes around an address, fetched once.
#pragma once

#include "watchpoints/hit/instruction.h"

#include <cstdint>
#include <span>
#include <vector>

namespace stakeout {

class CodeWindow {
  public:
    // Everything from `start` to 15 bytes beyond `until`, so that an instruction at `until` is complete.
    // Empty when not all of [start, until) can be read.
    static CodeWindow between(std::uint64_t start, std::uint64_t until, const CodeReader& code);
    // As much as can be read before `ip`, 64 bytes at most: the page before it may be absent, and a record
    // holds only 16 bytes.
    static CodeWindow before(std::uint64_t ip, const CodeReader& code);

    [[nodiscard]] bool empty() const { return bytes_.empty(); }
    [[nodiscard]] std::uint64_t start() const { return start_; }
    [[nodiscard]] std::uint64_t end() const { return start_ + bytes_.size(); }
    // From `address` on; empty outside the window.
    [[nodiscard]] std::span<const std::uint8_t> from(std::uint64_t address) const {
        if (address < start_ || address - start_ >= bytes_.size()) return {};
        return std::span(bytes_).subspan(address - start_);
    }

  private:
    std::uint64_t start_ = 0;
    std::vector<std::uint8_t> bytes_;
};

} // namespace stakeout
