// Any guest: a range of frames, mapped and compared with what they were. Where Xen keeps a log of dirty
// frames and the range is large, only frames that were written are compared.
#include "xen-bridge/backend/range_diff.h"

#include "base/monotonic_clock.h"
#include "xen-bridge/backend/comparing_backend.h"
#include "xen-bridge/domain/log_dirty.h"
#include "xen-bridge/guest/changed_bytes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <numeric>

namespace stakeout {
namespace {

constexpr std::size_t worth_a_log = 256; // frames: below, comparing costs less than Xen's log costs the guest
constexpr std::uint64_t share = 10;      // a look may take this part of its period

class RangeDiff final : public ComparingBackend {
  public:
    RangeDiff(const BackendRequest& request, std::vector<ForeignFrame> frames)
        : ComparingBackend(request), frames_(std::move(frames)), log_(*request.xen, request.domain),
          period_(request.poll) {}

    [[nodiscard]] std::string_view name() const override { return "page-diff"; }
    [[nodiscard]] std::vector<std::string> blind_spots() const override {
        return {
            "who changed it, and from where",
            fmt::format(
                "reads; writes that leave a value as it was; all but the last of several within {} us, or "
                "longer where a look at {} frames takes more than a tenth of that",
                request().poll.count(), frames_.size())};
    }

    Status arm() override {
        for (std::size_t i = 0; i < frames_.size(); ++i) {
            const auto bytes = bytes_of(i);
            last_.emplace_back(bytes.begin(), bytes.end());
        }
        if (frames_.size() < worth_a_log || request().domain.kind == DomainKind::Pv) return done();
        request().undo->log_dirty = 1;
        logs_ = log_.begin();
        if (!logs_) request().undo->log_dirty = 0; // none, or a migration's
        return done();
    }

    [[nodiscard]] std::chrono::microseconds period() const override { return period_; }

  private:
    void compare(std::vector<GuestAccess>& into) override {
        const std::uint64_t began_ns = monotonic_ns();
        for (const std::size_t i : to_compare()) compare_frame(i, into);
        const std::uint64_t took_us = (monotonic_ns() - began_ns) / 1000;
        period_ = std::max(request().poll, std::chrono::microseconds(took_us * share));
    }

    [[nodiscard]] std::span<const std::uint8_t> bytes_of(std::size_t i) const {
        return frames_[i].bytes().subspan(request().places[i].offset, request().places[i].size);
    }

    std::vector<std::size_t> to_compare() {
        std::vector<std::size_t> chosen;
        std::vector<std::uint64_t> written;
        const std::uint64_t first = request().places.front().frame;
        if (logs_ && log_.look(first, frames_.size(), written)) {
            for (const std::uint64_t frame : written) chosen.push_back(frame - first);
            return chosen;
        }
        chosen.resize(frames_.size());
        std::iota(chosen.begin(), chosen.end(), std::size_t{0});
        return chosen;
    }

    void compare_frame(std::size_t i, std::vector<GuestAccess>& into) {
        std::vector<std::uint8_t>& before = last_[i];
        if (std::ranges::equal(before, bytes_of(i))) return;
        // A copy: the guest goes on writing while we look.
        const auto live = bytes_of(i);
        std::vector<std::uint8_t> now(live.begin(), live.end());
        for (const ChangedBytes& piece : changed_bytes(before, now)) {
            const auto at = static_cast<std::ptrdiff_t>(piece.offset),
                       end = static_cast<std::ptrdiff_t>(piece.offset + piece.size);
            GuestAccess access;
            access.time_ns = monotonic_ns();
            access.access = Access::Write;
            access.physical = request().places[i].physical.value_or(0) + piece.offset;
            access.old_value = Value{{before.begin() + at, before.begin() + end}};
            access.new_value = Value{{now.begin() + at, now.begin() + end}};
            access.value_way = ValueWay::ReadLater;
            into.push_back(std::move(access));
        }
        before = std::move(now);
    }

    std::vector<ForeignFrame> frames_;
    std::vector<std::vector<std::uint8_t>> last_;
    LogDirty log_;
    std::chrono::microseconds period_;
    bool logs_ = false;
};

} // namespace

Result<std::unique_ptr<Backend>> make_range_diff(const BackendRequest& request) {
    std::vector<std::uint64_t> numbers;
    numbers.reserve(request.places.size());
    for (const GuestPlace& place : request.places) numbers.push_back(place.frame);
    std::vector<ForeignFrame> frames;
    for (auto& frame : ForeignFrame::map_all(*request.xen, request.domain.id, numbers)) {
        if (!frame)
            return arm_error(
                fmt::format("map frame {:#x} of {}", numbers[frames.size()], request.domain.label()),
                "Xen refused: it is not the guest's memory", "watch a smaller range", errno);
        frames.push_back(std::move(*frame));
    }
    return std::unique_ptr<Backend>(std::make_unique<RangeDiff>(request, std::move(frames)));
}

} // namespace stakeout
