#include "xen-bridge/domain/hypervisor.h"
#include "xen-bridge/domain/xen_api.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

namespace stakeout {

Result<std::unique_ptr<Hypervisor>> Hypervisor::open() {
    if (::access("/proc/xen/privcmd", F_OK) != 0 && ::access("/dev/xen/privcmd", F_OK) != 0)
        return arm_error("talk to Xen",
                         "this machine does not run as a Xen control domain: there is no /dev/xen/privcmd",
                         "run stakeout-xen in dom0, as root; `modprobe xen-privcmd` if this is one");
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor
    std::unique_ptr<Hypervisor> xen(new Hypervisor());
    // Silent loggers: libxenctrl would write its own opinion to stderr beside ours.
    xen->control_ = xc_interface_open(nullptr, nullptr, 0);
    if (xen->control_ == nullptr)
        return arm_error("open libxenctrl", "the hypervisor's door did not open",
                         "run as root in dom0, with the libxen that belongs to this Xen", errno);
    xen->memory_ = xenforeignmemory_open(nullptr, 0);
    if (xen->memory_ == nullptr)
        return arm_error("open Xen's foreign memory", "the device did not open", "run as root in dom0",
                         errno);
    xen->calls_ = xencall_open(nullptr, 0);
    if (xen->calls_ == nullptr)
        return arm_error("open Xen's calls", "the device did not open", "run as root in dom0", errno);
    xen->devices_ = xendevicemodel_open(nullptr, 0);
    if (xen->devices_ == nullptr)
        return arm_error("open Xen's device model", "the device did not open", "run as root in dom0", errno);
    xen->store_ = xs_open(0);
    return xen;
}

Hypervisor::~Hypervisor() {
    if (store_ != nullptr) xs_close(store_);
    if (devices_ != nullptr) xendevicemodel_close(devices_);
    if (calls_ != nullptr) xencall_close(calls_);
    if (memory_ != nullptr) xenforeignmemory_close(memory_);
    if (control_ != nullptr) xc_interface_close(control_);
}

Result<HypervisorFacts> Hypervisor::facts() const {
    HypervisorFacts facts;
    const int version = xc_version(control_, XENVER_version, nullptr);
    if (version < 0)
        return arm_error("ask Xen for its version", "the hypercall was refused", "run as root in dom0",
                         errno);
    xen_extraversion_t extra{};
    if (xc_version(control_, XENVER_extraversion, &extra) != 0) extra[0] = 0;
    facts.version = fmt::format("{}.{}{}", version >> 16, version & 0xffff, extra);
    xen_capabilities_info_t capabilities{};
    if (xc_version(control_, XENVER_capabilities, &capabilities) == 0) facts.capabilities = capabilities;
    while (!facts.capabilities.empty() && facts.capabilities.back() == ' ') facts.capabilities.pop_back();
    xc_physinfo_t physical{};
    if (xc_physinfo(control_, &physical) != 0)
        return arm_error("ask Xen about this machine", "the hypercall was refused",
                         "the libxen here must belong to the running Xen", errno);
    facts.hvm = (physical.capabilities & XEN_SYSCTL_PHYSCAP_hvm) != 0;
    facts.hap = (physical.capabilities & XEN_SYSCTL_PHYSCAP_hap) != 0;
    facts.cpus = physical.nr_cpus;
    facts.tsc_khz = physical.cpu_khz;
    return facts;
}

} // namespace stakeout
