// Stacks and frames, each kept once and known by its number.
#pragma once

#include "report/report.h"

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace stakeout {

class StackTable {
  public:
    // A program whose code is made at run time has new stacks without end.
    static constexpr std::size_t most_stacks = 20'000;
    static constexpr std::size_t most_frames = 30'000;

    // no_stack: it has none, or the table is full. Counts a hit of it.
    std::uint32_t number_of(const Hit& hit);
    [[nodiscard]] const std::vector<ReportFrame>& frames() const { return frames_; }
    [[nodiscard]] const std::vector<ReportStack>& stacks() const { return stacks_; }

  private:
    [[nodiscard]] bool add_frames(const std::vector<Frame>& stack, std::vector<std::uint32_t>& to);

    std::vector<ReportFrame> frames_;
    std::vector<ReportStack> stacks_;
    std::unordered_map<std::uint64_t, std::uint32_t> frame_numbers_, stack_numbers_;
};

// "main+0x1f", "0x7f12...".
std::string frame_label(const Frame& frame);
// "src/ledger.c:39", or nothing.
std::string frame_place(const Frame& frame);

} // namespace stakeout
