// Any guest: the frame, mapped read-only into this process and compared again and again. Tells that the bytes
// changed, when (to the look's period) and what they are now; never who, and nothing of a write of the same
// value or of two writes between two looks.
#include "xen-bridge/backend/comparing_backend.h"

#include "base/monotonic_clock.h"
#include "xen-bridge/backend/place_value.h"
#include "xen-bridge/backend/range_diff.h"

#include <fmt/format.h>

namespace stakeout {
namespace {

constexpr std::uint32_t most_at_once = 32; // bytes: more is looked at by frames

class PageDiff final : public ComparingBackend {
  public:
    using ComparingBackend::ComparingBackend;

    [[nodiscard]] std::string_view name() const override { return "page-diff"; }
    [[nodiscard]] std::vector<std::string> blind_spots() const override {
        return {"who changed it, and from where",
                fmt::format(
                    "reads; writes that leave the value as it was; all but the last of several within {} us",
                    request().poll.count())};
    }

    [[nodiscard]] std::optional<Value> value_now() const override { return watched_.front().value.read(); }

    Status arm() override {
        for (const GuestPlace& place : request().places) {
            auto value = PlaceValue::map(request(), place);
            if (!value) return std::move(value).error();
            watched_.push_back({std::move(*value), {}});
            watched_.back().last = watched_.back().value.read();
        }
        return done();
    }

    [[nodiscard]] std::chrono::microseconds period() const override { return request().poll; }

  private:
    struct Watched {
        PlaceValue value;
        Value last;
    };

    void compare(std::vector<GuestAccess>& into) override {
        for (std::size_t i = 0; i < watched_.size(); ++i) {
            Value now = watched_[i].value.read();
            if (now == watched_[i].last) continue;
            GuestAccess access;
            access.time_ns = monotonic_ns();
            access.place = i;
            access.access = Access::Write;
            access.old_value = std::exchange(watched_[i].last, now);
            access.new_value = std::move(now);
            access.value_way = ValueWay::ReadLater;
            into.push_back(std::move(access));
        }
    }

    std::vector<Watched> watched_;
};

} // namespace

BackendProbe probe_page_diff(const Hypervisor& xen, const Domain& domain) {
    (void)xen, (void)domain;
    return {"page-diff", true, "what changed and when, not who; nothing is set in the guest", {}};
}

Result<std::unique_ptr<Backend>> make_page_diff(const BackendRequest& request) {
    if (request.kind != AccessKind::Write)
        return arm_error(fmt::format("watch {} by page-diff", request.domain.label()),
                         "comparing shows changes only, no reads and no execution",
                         "leave --rw, --r and --x out");
    if (request.places.front().size > most_at_once || request.places.size() > 1)
        return make_range_diff(request);
    return std::unique_ptr<Backend>(std::make_unique<PageDiff>(request));
}

} // namespace stakeout
