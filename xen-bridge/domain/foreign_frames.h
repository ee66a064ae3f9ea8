// A domain's memory, mapped into this process frame by frame.
#pragma once

#include "xen-bridge/domain/domain.h"
#include "xen-bridge/guest/frames.h"

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace stakeout {

// One frame mapped, unmapped when it goes. A mapping holds a reference: a frame that the guest gives back
// stays with us until then.
class ForeignFrame {
  public:
    // Several in one call to Xen, which costs no more than one; absent where it is not the domain's frame.
    static std::vector<std::optional<ForeignFrame>> map_all(const Hypervisor& xen, std::uint32_t domain,
                                                            std::span<const std::uint64_t> frames);
    // Absent: not the domain's frame.
    static std::optional<ForeignFrame> map(const Hypervisor& xen, std::uint32_t domain, std::uint64_t frame);
    [[nodiscard]] std::span<const std::uint8_t> bytes() const;

  private:
    // What was mapped at once is unmapped at once, with the last of its frames.
    using Mapping = std::shared_ptr<const void>;
    ForeignFrame(Mapping mapping, const std::uint8_t* bytes) : mapping_(std::move(mapping)), bytes_(bytes) {}
    Mapping mapping_;
    const std::uint8_t* bytes_;
};

// The frames of one domain, the last few hundred kept mapped: mapping one takes ten times as long as reading
// it. What a mapping shows is the guest's memory as it is, until the guest gives the frame back and gets
// another under its number (ballooning); so none is older than a second after forget().
class ForeignFrames final : public GuestFrames {
  public:
    ForeignFrames(const Hypervisor& xen, std::uint32_t domain) : xen_(xen), domain_(domain) {}
    std::span<const std::uint8_t> frame(std::uint64_t number) override;
    void expect(std::span<const std::uint64_t> numbers) override;
    void forget() override;

  private:
    static constexpr std::size_t most = 2048;
    static constexpr std::uint64_t longest_kept_ns = 1'000'000'000;
    struct Kept {
        std::uint64_t number;
        ForeignFrame frame;
    };
    void keep(std::uint64_t number, ForeignFrame frame);

    const Hypervisor& xen_;
    std::uint32_t domain_;
    std::uint64_t kept_since_ns_ = 0;
    std::list<Kept> kept_; // the latest first
    std::unordered_map<std::uint64_t, std::list<Kept>::iterator> by_number_;
};

} // namespace stakeout
