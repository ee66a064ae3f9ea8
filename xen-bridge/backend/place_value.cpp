#include "xen-bridge/backend/place_value.h"

#include <fmt/format.h>

#include <cstring>

namespace stakeout {
namespace {

// The guest writes while we read: a load of the natural width cannot be torn.
template <class T>
void load(const std::uint8_t* from, std::uint8_t* to) {
    T value;
    // NOLINTNEXTLINE(bugprone-casting-through-void): aligned; what it is to the guest we do not know
    __atomic_load(static_cast<const T*>(static_cast<const void*>(from)), &value, __ATOMIC_RELAXED);
    std::memcpy(to, &value, sizeof value);
}

} // namespace

Result<PlaceValue> PlaceValue::map(const BackendRequest& request, const GuestPlace& place) {
    auto frame = ForeignFrame::map(*request.xen, request.domain.id, place.frame);
    if (!frame)
        return arm_error(fmt::format("map frame {:#x} of {}", place.frame, request.domain.label()),
                         "Xen refused: it is not the guest's memory", {}, errno);
    return PlaceValue(std::move(*frame), place.offset, place.size);
}

Value PlaceValue::read() const {
    Value value;
    value.bytes.resize(size_);
    const std::uint8_t* from = frame_.bytes().data() + offset_;
    const bool aligned = offset_ % size_ == 0;
    if (aligned && size_ == 8)
        load<std::uint64_t>(from, value.bytes.data());
    else if (aligned && size_ == 4)
        load<std::uint32_t>(from, value.bytes.data());
    else if (aligned && size_ == 2)
        load<std::uint16_t>(from, value.bytes.data());
    else
        for (std::uint32_t i = 0; i < size_; ++i) load<std::uint8_t>(from + i, value.bytes.data() + i);
    return value;
}

} // namespace stakeout
