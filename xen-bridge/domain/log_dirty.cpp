#include "xen-bridge/domain/log_dirty.h"
#include "xen-bridge/domain/call_buffer.h"

#include <bit>

namespace stakeout {
namespace {
constexpr std::uint64_t frames_per_byte = 8;
}

int LogDirty::operate(std::uint32_t operation, const CallBuffer* bitmap, std::uint64_t pages) {
    const CallBuffer place(xen_.calls(), sizeof(xen_domctl));
    if (!place.good()) return -1;
    auto* control = static_cast<xen_domctl*>(place.address());
    *control = {};
    control->cmd = XEN_DOMCTL_shadow_op;
    control->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    control->domain = static_cast<domid_t>(domain_);
    control->u.shadow_op.op = operation;
    if (bitmap != nullptr)
        control->u.shadow_op.dirty_bitmap.p = static_cast<std::uint8_t*>(bitmap->address());
    control->u.shadow_op.pages = pages;
    return xencall1(xen_.calls(), __HYPERVISOR_domctl, std::bit_cast<std::uintptr_t>(control));
}

bool LogDirty::begin() { return operate(XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, nullptr, 0) == 0; }

bool LogDirty::look(std::uint64_t first, std::uint64_t count, std::vector<std::uint64_t>& written) {
    // Xen's bitmap begins with frame 0.
    const std::uint64_t pages = first + count;
    const CallBuffer bitmap(xen_.calls(), pages / frames_per_byte + sizeof(std::uint64_t));
    if (!bitmap.good() || operate(XEN_DOMCTL_SHADOW_OP_CLEAN, &bitmap, pages) < 0) return false;
    for (std::uint64_t frame = first; frame < pages; ++frame)
        if ((bitmap.bytes()[frame / frames_per_byte] >> (frame % frames_per_byte) & 1U) != 0)
            written.push_back(frame);
    return true;
}

} // namespace stakeout
