#include "xen-bridge/domain/domain.h"

#include "base/near_names.h"
#include "xen-bridge/domain/store_text.h"
#include "xen-bridge/domain/xen_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace stakeout {
namespace {

std::string name_of(const Hypervisor& xen, std::uint32_t id) {
    if (xen.store() == nullptr) return {};
    return store_text(xen.store(), fmt::format("/local/domain/{}/name", id)).value_or("");
}

DomainKind kind_of(const xc_domaininfo_t& info) {
    if ((info.flags & XEN_DOMINF_hvm_guest) == 0) return DomainKind::Pv;
    // A PVH guest has a local APIC and no other emulated device.
    return (info.arch_config.emulation_flags & ~XEN_X86_EMU_LAPIC) == 0 ? DomainKind::Pvh : DomainKind::Hvm;
}

Domain from_info(const xc_domaininfo_t& info) {
    Domain domain;
    domain.id = info.domain;
    std::copy(std::begin(info.handle), std::end(info.handle), domain.uuid.begin());
    domain.kind = kind_of(info);
    domain.paused = (info.flags & XEN_DOMINF_paused) != 0;
    domain.dying = (info.flags & XEN_DOMINF_dying) != 0;
    domain.shut_down = (info.flags & XEN_DOMINF_shutdown) != 0;
    domain.shutdown_reason = (info.flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask;
    domain.vcpus = info.max_vcpu_id == XEN_INVALID_MAX_VCPU_ID ? 0 : info.max_vcpu_id + 1;
    domain.vcpus_online = info.nr_online_vcpus;
    domain.pages = info.tot_pages;
    domain.shared_info_frame = info.shared_info_frame;
    return domain;
}

} // namespace

std::string_view to_word(DomainKind kind) {
    switch (kind) {
    case DomainKind::Pv:
        return "PV";
    case DomainKind::Pvh:
        return "PVH";
    case DomainKind::Hvm:
        break;
    }
    return "HVM";
}

std::string Domain::label() const {
    return name.empty() ? fmt::format("domain {}", id) : fmt::format("{} (domain {})", name, id);
}

std::optional<Domain> domain_by_id(const Hypervisor& xen, std::uint32_t id) {
    xc_domaininfo_t info{};
    // The call gives the first domain whose id is not below the one asked for.
    if (xc_domain_getinfolist(xen.control(), id, 1, &info) != 1 || info.domain != id) return std::nullopt;
    return from_info(info);
}

std::vector<Domain> all_domains(const Hypervisor& xen) {
    std::vector<Domain> domains;
    std::vector<xc_domaininfo_t> page(64);
    std::uint32_t next = 0;
    for (;;) {
        const int got =
            xc_domain_getinfolist(xen.control(), next, static_cast<unsigned>(page.size()), page.data());
        for (int i = 0; i < got; ++i) {
            domains.push_back(from_info(page[static_cast<std::size_t>(i)]));
            domains.back().name = name_of(xen, domains.back().id);
        }
        if (got < static_cast<int>(page.size())) return domains;
        next = domains.back().id + 1;
    }
}

Result<Domain> find_domain(const Hypervisor& xen, std::string_view name_or_id) {
    const std::vector<Domain> domains = all_domains(xen);
    for (const Domain& domain : domains)
        if (domain.name == name_or_id) return domain;
    std::uint32_t id = 0;
    const auto [end, error] = std::from_chars(name_or_id.data(), name_or_id.data() + name_or_id.size(), id);
    if (error == std::errc() && end == name_or_id.data() + name_or_id.size())
        for (const Domain& domain : domains)
            if (domain.id == id) return domain;
    std::string known;
    for (const Domain& domain : domains)
        if (domain.id != 0) known += (known.empty() ? "" : ", ") + domain.label();
    return usage_error(fmt::format("find domain '{}'", name_or_id),
                       "Xen runs no domain of that name or number",
                       known.empty() ? "there is no guest at all" : "there are " + known);
}

std::string how_it_ended(const std::optional<Domain>& now) {
    if (!now) return "the domain is gone: it was destroyed, rebooted or migrated away";
    if (now->shut_down) {
        switch (now->shutdown_reason) {
        case SHUTDOWN_poweroff:
            return "the domain powered off";
        case SHUTDOWN_reboot:
            return "the domain reboots";
        case SHUTDOWN_suspend:
            return "the domain was suspended, to be saved or migrated";
        case SHUTDOWN_crash:
            return "the domain crashed";
        case SHUTDOWN_watchdog:
            return "the domain's watchdog ended it";
        default:
            return fmt::format("the domain was shut down (reason {})", now->shutdown_reason);
        }
    }
    return now->dying ? "the domain is being destroyed" : "the domain runs on";
}

std::vector<bool> online_vcpus(const Hypervisor& xen, const Domain& domain) {
    std::vector<bool> online(domain.vcpus, false);
    for (std::uint32_t vcpu = 0; vcpu < domain.vcpus; ++vcpu) {
        xc_vcpuinfo_t info{};
        online[vcpu] = xc_vcpu_getinfo(xen.control(), domain.id, vcpu, &info) == 0 && info.online != 0;
    }
    return online;
}

Result<PausedDomain> PausedDomain::pause(const Hypervisor& xen, std::uint32_t id) {
    if (xc_domain_pause(xen.control(), id) != 0)
        return arm_error(fmt::format("pause domain {}", id), "Xen refused", {}, errno);
    return PausedDomain(xen, id);
}

PausedDomain::PausedDomain(PausedDomain&& other) noexcept
    : xen_(std::exchange(other.xen_, nullptr)), id_(other.id_) {}

PausedDomain::~PausedDomain() {
    if (xen_ != nullptr) xc_domain_unpause(xen_->control(), id_);
}

} // namespace stakeout
