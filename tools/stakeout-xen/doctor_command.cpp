// `stakeout-xen doctor`: what this Xen, this CPU and each domain allow.
#include "base/printable.h"
#include "tools/stakeout-xen/commands.h"
#include "xen-bridge/backend/backend.h"
#include "xen-bridge/care/lease.h"

namespace stakeout {
namespace {

void describe(const Hypervisor& xen, const Domain& domain) {
    fmt::print("\n{}: {}, {} of {} vCPUs online, {} MiB{}\n", printable(domain.label()), to_word(domain.kind),
               domain.vcpus_online, domain.vcpus, domain.pages * 4096 >> 20, domain.paused ? ", paused" : "");
    for (const BackendProbe& probe : probe_backends(xen, domain)) {
        fmt::print("  {:<15} {}: {}\n", probe.name, probe.usable ? "yes" : "no ", probe.says);
        if (!probe.remedy.empty()) fmt::print("  {:<15}      {}\n", "", probe.remedy);
    }
    if (const auto lease = Lease::of(domain.id); lease && lease->armed)
        fmt::print("  watched by pid {}: {}\n", lease->bridge_pid, printable(lease->target));
}

int run() {
    auto xen = Hypervisor::open();
    if (!xen) return fail_xen(xen.error());
    auto facts = (*xen)->facts();
    if (!facts) return fail_xen(facts.error());
    fmt::print("Xen {} on {} CPUs; guests with hardware virtualisation: {}, nested page tables: {}\n",
               facts->version, facts->cpus, facts->hvm ? "yes" : "no", facts->hap ? "yes" : "no");
    if ((*xen)->store() == nullptr)
        fmt::print("xenstored does not answer: domains are known by number only. Remedy: start xenstored\n");
    bool any = false;
    for (const Domain& domain : all_domains(**xen)) {
        if (domain.id == 0) continue; // stakeout itself is for that one
        any = true;
        describe(**xen, domain);
    }
    if (!any) fmt::print("\nno guest runs here\n");
    return 0;
}

} // namespace

Command add_xen_doctor_command(CLI::App& app) {
    return {app.add_subcommand("doctor", "What this Xen and each domain allow, with reason and remedy"), run};
}

} // namespace stakeout
