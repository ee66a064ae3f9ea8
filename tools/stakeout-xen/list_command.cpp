// `stakeout-xen list`: the watches in force on this host.
#include "base/monotonic_clock.h"
#include "base/printable.h"
#include "tools/stakeout-xen/commands.h"
#include "xen-bridge/care/lease.h"

namespace stakeout {
namespace {

std::string state_of(const LeaseFacts& lease) {
    if (!lease.alive)
        return lease.armed ? fmt::format("dead, not healed: `stakeout-xen release {}`", lease.domain)
                           : "dead";
    const std::uint64_t now = monotonic_ns();
    if (lease.deadline_ns == 0) return "starting";
    return fmt::format("{:.0f} s left",
                       lease.deadline_ns > now ? static_cast<double>(lease.deadline_ns - now) / 1e9 : 0.0);
}

int run() {
    const auto leases = Lease::all();
    if (leases.empty()) {
        fmt::print("no guest is watched\n");
        return 0;
    }
    fmt::print("{:<20} {:>4} {:<15} {:>7} {:>6}  {:<30} {}\n", "DOMAIN", "ID", "BACKEND", "PID", "AGE",
               "TARGET", "STATE");
    const std::uint64_t now = monotonic_ns();
    for (const LeaseFacts& lease : leases)
        fmt::print("{:<20} {:>4} {:<15} {:>7} {:>5.0f}s  {:<30} {}\n", printable(lease.domain_name),
                   lease.domain, lease.backend, lease.bridge_pid,
                   static_cast<double>(now - lease.started_ns) / 1e9, printable(lease.target),
                   state_of(lease));
    return 0;
}

} // namespace

Command add_xen_list_command(CLI::App& app) {
    return {app.add_subcommand("list", "The watches in force on this host"), run};
}

} // namespace stakeout
