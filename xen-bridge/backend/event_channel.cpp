#include "xen-bridge/backend/event_channel.h"
#include "xen-bridge/domain/xen_api.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>

namespace stakeout {
namespace {

Error refused(const Domain& domain, int number) {
    const std::string tried = fmt::format("listen to events of {}", domain.label());
    switch (number) {
    case EBUSY:
        return arm_error(tried, "another program listens already, and Xen has one listener a domain",
                         "end that one (a debugger, an introspection tool)", number);
    case ENODEV:
    case EOPNOTSUPP:
        return arm_error(tried, "this Xen or CPU has no events for this kind of guest",
                         "`stakeout-xen doctor` tells what each domain allows", number);
    default:
        return arm_error(tried, "Xen refused", "`xl dmesg` may tell why", number);
    }
}

} // namespace

Result<std::unique_ptr<EventChannel>> EventChannel::open(const BackendRequest& request) {
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor
    std::unique_ptr<EventChannel> channel(new EventChannel());
    xc_interface* control = request.xen->control();
    // Told only once it is ours: taking back a ring that is another listener's would hurt that one. Dying
    // between the two leaves a ring without events, which `release` takes away.
    std::uint32_t remote = 0;
    channel->page_ = xc_monitor_enable(control, request.domain.id, &remote);
    if (channel->page_ == nullptr) return refused(request.domain, errno);
    request.undo->monitor = 1;
    channel->channels_ = xenevtchn_open(nullptr, 0);
    if (channel->channels_ == nullptr)
        return arm_error("open Xen's event channels", "no device", "run as root in dom0", errno);
    channel->port_ = xenevtchn_bind_interdomain(channel->channels_, request.domain.id, remote);
    if (channel->port_ < 0) return arm_error("bind the event channel", "Xen refused", {}, errno);
    // Xen gives the page as the guest's memory had it, or the listener before us left it.
    auto* shared = static_cast<vm_event_sring_t*>(channel->page_);
    SHARED_RING_INIT(shared);
    channel->ring_.emplace(
        std::span<std::uint8_t, XC_PAGE_SIZE>(static_cast<std::uint8_t*>(channel->page_), XC_PAGE_SIZE));
    return channel;
}

EventChannel::~EventChannel() {
    if (channels_ != nullptr) xenevtchn_close(channels_);
    if (page_ != nullptr) ::munmap(page_, XC_PAGE_SIZE);
}

int EventChannel::fd() const { return xenevtchn_fd(channels_); }

void EventChannel::acknowledge() {
    const int port = xenevtchn_pending(channels_);
    if (port >= 0) xenevtchn_unmask(channels_, static_cast<evtchn_port_t>(port));
}

void EventChannel::notify() { xenevtchn_notify(channels_, static_cast<evtchn_port_t>(port_)); }

} // namespace stakeout
