// The watched bytes themselves, mapped for as long as the watch lasts.
#pragma once

#include "base/result.h"
#include "xen-bridge/backend/backend.h"

namespace stakeout {

class PlaceValue {
  public:
    // Error (CannotArm): the frame cannot be mapped.
    static Result<PlaceValue> map(const BackendRequest& request, const GuestPlace& place);
    // In one load where the bytes are 1, 2, 4 or 8 and aligned; else byte by byte, and may be torn.
    [[nodiscard]] Value read() const;

  private:
    PlaceValue(ForeignFrame frame, std::uint32_t offset, std::uint32_t size)
        : frame_(std::move(frame)), offset_(offset), size_(size) {}
    ForeignFrame frame_;
    std::uint32_t offset_, size_;
};

} // namespace stakeout
