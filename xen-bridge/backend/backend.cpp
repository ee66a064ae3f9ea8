#include "xen-bridge/backend/backend.h"

#include <fmt/format.h>

#include <array>

namespace stakeout {
namespace {

struct Kind {
    std::string_view name;
    BackendProbe (*probe)(const Hypervisor&, const Domain&);
    Result<std::unique_ptr<Backend>> (*make)(const BackendRequest&);
};

// The one that sees most comes first.
constexpr std::array<Kind, 4> kinds{{{"mem-access", probe_mem_access, make_mem_access},
                                     {"debug-register", probe_debug_register, make_debug_register},
                                     {"debug-event", probe_debug_event, make_debug_event},
                                     {"page-diff", probe_page_diff, make_page_diff}}};

} // namespace

std::vector<BackendProbe> probe_backends(const Hypervisor& xen, const Domain& domain) {
    std::vector<BackendProbe> probes;
    probes.reserve(kinds.size());
    for (const Kind& kind : kinds) probes.push_back(kind.probe(xen, domain));
    return probes;
}

Result<std::unique_ptr<Backend>> make_backend(const BackendRequest& request, std::string_view wanted) {
    if (wanted != "auto") {
        for (const Kind& kind : kinds)
            if (kind.name == wanted) return kind.make(request);
        return usage_error(fmt::format("use --backend {}", wanted), "there is no such backend",
                           "there are auto, mem-access, debug-register, debug-event and page-diff");
    }
    std::string reasons;
    for (const Kind& kind : kinds) {
        auto made = kind.make(request);
        if (made) return made;
        reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", kind.name, made.error().cause);
    }
    return arm_error(fmt::format("watch {}", request.domain.label()), reasons,
                     "`stakeout-xen doctor` tells what each domain allows");
}

} // namespace stakeout
