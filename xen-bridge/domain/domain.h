// A domain as Xen sees it at one moment: plain data, asked anew when it matters.
#pragma once

#include "base/result.h"
#include "xen-bridge/domain/hypervisor.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

enum class DomainKind { Pv, Pvh, Hvm };
[[nodiscard]] std::string_view to_word(DomainKind kind); // "PV", "PVH", "HVM"

struct Domain {
    std::uint32_t id = 0;
    std::string name; // xenstore's; empty where it has none
    std::array<std::uint8_t, 16> uuid{};
    DomainKind kind = DomainKind::Pv;
    bool paused = false, dying = false, shut_down = false;
    std::uint32_t shutdown_reason = 0; // SHUTDOWN_*, of one that is shut down
    std::uint32_t vcpus = 0;           // highest vCPU + 1; the offline ones too
    std::uint32_t vcpus_online = 0;
    std::uint64_t pages = 0;
    std::uint64_t shared_info_frame = 0;

    [[nodiscard]] std::string label() const; // "web1 (domain 3)"
    [[nodiscard]] bool is_running() const { return !dying && !shut_down; }
};

// Without its name, for which the store would have to be asked. Absent: there is no such domain (any more).
[[nodiscard]] std::optional<Domain> domain_by_id(const Hypervisor& xen, std::uint32_t id);
[[nodiscard]] std::vector<Domain> all_domains(const Hypervisor& xen); // dom0 too
// By name, by id, or by "Domain-0". Error (Usage): none, with near names.
[[nodiscard]] Result<Domain> find_domain(const Hypervisor& xen, std::string_view name_or_id);

// How a domain that is gone or is going went: "it was rebooted", "it crashed".
[[nodiscard]] std::string how_it_ended(const std::optional<Domain>& now);

// Which vCPUs are online: by number.
[[nodiscard]] std::vector<bool> online_vcpus(const Hypervisor& xen, const Domain& domain);

// Pauses a domain for as long as it lives. Pauses count in Xen: one that somebody else made stays. Not while
// dying: the guardian (care/guardian.h) knows of each.
class PausedDomain {
  public:
    static Result<PausedDomain> pause(const Hypervisor& xen, std::uint32_t id);
    PausedDomain(PausedDomain&& other) noexcept;
    PausedDomain(const PausedDomain&) = delete;
    PausedDomain& operator=(const PausedDomain&) = delete;
    PausedDomain& operator=(PausedDomain&&) = delete;
    ~PausedDomain();

  private:
    PausedDomain(const Hypervisor& xen, std::uint32_t id) : xen_(&xen), id_(id) {}
    const Hypervisor* xen_;
    std::uint32_t id_;
};

} // namespace stakeout
