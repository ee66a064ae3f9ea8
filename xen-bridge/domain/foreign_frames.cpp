#include "xen-bridge/domain/foreign_frames.h"

#include "base/monotonic_clock.h"
#include "xen-bridge/domain/xen_api.h"

#include <sys/mman.h>

#include <algorithm>

namespace stakeout {

constexpr std::size_t frame_bytes = 4096;

std::vector<std::optional<ForeignFrame>> ForeignFrame::map_all(const Hypervisor& xen, std::uint32_t domain,
                                                               std::span<const std::uint64_t> frames) {
    std::vector<std::optional<ForeignFrame>> mapped(frames.size());
    if (frames.empty()) return mapped;
    const std::vector<xen_pfn_t> numbers(frames.begin(), frames.end());
    std::vector<int> refused(frames.size(), 0);
    xenforeignmemory_handle* handle = xen.foreign_memory();
    void* memory =
        xenforeignmemory_map(handle, domain, PROT_READ, numbers.size(), numbers.data(), refused.data());
    if (memory == nullptr) return mapped;
    const std::size_t count = numbers.size();
    const Mapping mapping(
        memory, [handle, count, memory](const void*) { xenforeignmemory_unmap(handle, memory, count); });
    for (std::size_t i = 0; i < count; ++i)
        if (refused[i] == 0)
            mapped[i] = ForeignFrame(mapping, static_cast<const std::uint8_t*>(memory) + i * frame_bytes);
    return mapped;
}

std::optional<ForeignFrame> ForeignFrame::map(const Hypervisor& xen, std::uint32_t domain,
                                              std::uint64_t frame) {
    return std::move(map_all(xen, domain, {&frame, 1}).front());
}

std::span<const std::uint8_t> ForeignFrame::bytes() const { return {bytes_, frame_bytes}; }

std::span<const std::uint8_t> ForeignFrames::frame(std::uint64_t number) {
    if (const auto found = by_number_.find(number); found != by_number_.end()) {
        kept_.splice(kept_.begin(), kept_, found->second);
        return found->second->frame.bytes();
    }
    auto mapped = ForeignFrame::map(xen_, domain_, number);
    if (!mapped) return {};
    keep(number, std::move(*mapped));
    return kept_.front().frame.bytes();
}

void ForeignFrames::expect(std::span<const std::uint64_t> numbers) {
    std::vector<std::uint64_t> missing;
    std::copy_if(numbers.begin(), numbers.end(), std::back_inserter(missing),
                 [this](std::uint64_t number) { return !by_number_.contains(number); });
    auto mapped = ForeignFrame::map_all(xen_, domain_, missing);
    for (std::size_t i = 0; i < missing.size(); ++i)
        if (mapped[i] && !by_number_.contains(missing[i])) keep(missing[i], std::move(*mapped[i]));
}

void ForeignFrames::keep(std::uint64_t number, ForeignFrame frame) {
    if (kept_.size() >= most) {
        by_number_.erase(kept_.back().number);
        kept_.pop_back();
    }
    kept_.push_front({number, std::move(frame)});
    by_number_[number] = kept_.begin();
}

void ForeignFrames::forget() {
    const std::uint64_t now = monotonic_ns();
    if (now - kept_since_ns_ < longest_kept_ns) return;
    kept_since_ns_ = now;
    by_number_.clear();
    kept_.clear();
}

} // namespace stakeout
