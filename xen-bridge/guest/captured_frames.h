// Frames as they were at one moment, over a guest that runs on.
#pragma once

#include "xen-bridge/guest/frames.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace stakeout {

struct CapturedFrame {
    std::uint64_t number = 0;
    std::array<std::uint8_t, 4096> bytes{};
};
using Capture = std::vector<CapturedFrame>; // a few

// What was captured, and the rest from `beneath`, as it is now.
class CapturedFrames final : public GuestFrames {
  public:
    CapturedFrames(GuestFrames& beneath, std::shared_ptr<const Capture> captured)
        : beneath_(beneath), captured_(std::move(captured)) {}

    [[nodiscard]] bool has(std::uint64_t number) const { return find(number) != nullptr; }
    std::span<const std::uint8_t> frame(std::uint64_t number) override {
        const CapturedFrame* found = find(number);
        return found != nullptr ? std::span<const std::uint8_t>(found->bytes) : beneath_.frame(number);
    }
    void expect(std::span<const std::uint64_t> numbers) override { beneath_.expect(numbers); }
    void forget() override { beneath_.forget(); }

  private:
    [[nodiscard]] const CapturedFrame* find(std::uint64_t number) const {
        const auto found = std::ranges::find(*captured_, number, &CapturedFrame::number);
        return found != captured_->end() ? &*found : nullptr;
    }
    GuestFrames& beneath_;
    std::shared_ptr<const Capture> captured_;
};

} // namespace stakeout
