// A vCPU that sent an event stands still until it is answered, and the ring goes with whoever had it mapped:
// taking the ring away does not let the vCPU run (Xen's vm_event_disable wakes only those that waited for
// room in it). So a new ring is put up, on which every vCPU is told to go on, and then that one is taken
// away. Telling one that does not wait is harmless: Xen counts and says so in its log
// (vm_event_vcpu_unpause).
#include "xen-bridge/care/heal.h"
#include "xen-bridge/domain/xen_api.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace stakeout {
namespace {

struct ChannelCloser {
    void operator()(xenevtchn_handle* handle) const { xenevtchn_close(handle); }
};

void answer(vm_event_back_ring_t& ring, std::uint32_t vcpu) {
    vm_event_response_t response{};
    response.version = VM_EVENT_INTERFACE_VERSION;
    response.vcpu_id = vcpu;
    response.reason = VM_EVENT_REASON_MEM_ACCESS;
    response.flags = VM_EVENT_FLAG_VCPU_PAUSED;
    std::memcpy(RING_GET_RESPONSE(&ring, ring.rsp_prod_pvt), &response, sizeof response);
    ++ring.rsp_prod_pvt;
    RING_PUSH_RESPONSES(&ring);
}

} // namespace

void take_ring_back(const Hypervisor& xen, const Domain& domain, Healed& healed) {
    xc_monitor_disable(xen.control(), domain.id); // the dead one's; may be gone
    std::uint32_t remote = 0;
    void* page = xc_monitor_enable(xen.control(), domain.id, &remote);
    if (page == nullptr) {
        healed.failed.push_back(
            fmt::format("the event ring: no new one to answer with: {}", std::strerror(errno)));
        return;
    }
    const std::unique_ptr<xenevtchn_handle, ChannelCloser> channels(xenevtchn_open(nullptr, 0));
    const int port = channels ? xenevtchn_bind_interdomain(channels.get(), domain.id, remote) : -1;
    if (port >= 0) {
        auto* shared = static_cast<vm_event_sring_t*>(page);
        vm_event_back_ring_t ring;
        SHARED_RING_INIT(shared);
        BACK_RING_INIT(&ring, shared, XC_PAGE_SIZE);
        for (std::uint32_t vcpu = 0; vcpu < domain.vcpus; ++vcpu) {
            answer(ring, vcpu);
            // One at a time: Xen takes them in the hypercall, so the ring never fills.
            xenevtchn_notify(channels.get(), static_cast<evtchn_port_t>(port));
        }
        healed.taken_back.emplace_back("the event ring");
    } else {
        healed.failed.push_back(fmt::format("the event ring: no event channel: {}", std::strerror(errno)));
    }
    ::munmap(page, XC_PAGE_SIZE);
    if (xc_monitor_disable(xen.control(), domain.id) != 0)
        healed.failed.push_back(fmt::format("the event ring stays: {}", std::strerror(errno)));
}

} // namespace stakeout
