// `stakeout-xen release DOMAIN`: everything is taken back from a domain, whoever set it.
#include "tools/stakeout-xen/commands.h"
#include "xen-bridge/care/heal.h"
#include "xen-bridge/care/lease.h"

#include <poll.h>

#include <csignal>
#include <memory>

namespace stakeout {
namespace {

constexpr int patience_ms = 5000;
constexpr int step_ms = 50;

// A living bridge ends in order and takes its things back itself; one that does not listen is killed, and its
// guardian does.
bool end_living(std::uint32_t domain) {
    for (const int signal : {SIGTERM, SIGKILL}) {
        const auto lease = Lease::of(domain);
        if (!lease || !lease->alive) return true;
        fmt::print("stakeout-xen with pid {} watches it: sent {}\n", lease->bridge_pid,
                   signal == SIGTERM ? "SIGTERM" : "SIGKILL");
        if (lease->bridge_pid > 0) ::kill(lease->bridge_pid, signal);
        for (int waited = 0; waited < patience_ms; waited += step_ms) {
            const auto now = Lease::of(domain);
            if (!now || !now->alive) return true;
            ::poll(nullptr, 0, step_ms);
        }
    }
    return false;
}

int run(const std::string& name) {
    auto xen = Hypervisor::open();
    if (!xen) return fail_xen(xen.error());
    auto domain = find_domain(**xen, name);
    if (!domain) return fail_xen(domain.error());
    if (!end_living(domain->id))
        return fail_xen(internal_error(fmt::format("release {}", domain->label()), "its watch does not end"));
    auto lease = Lease::take_over(domain->id);
    if (!lease) return fail_xen(lease.error());
    if (*lease == nullptr) {
        fmt::print("{}: nothing is set in it by stakeout-xen\n", domain->label());
        return 0;
    }
    const Healed healed = heal(**xen, (*lease)->list());
    for (const std::string& one : healed.taken_back) fmt::print("{}: taken back: {}\n", domain->label(), one);
    for (const std::string& one : healed.failed)
        fmt::print(stderr, "stakeout-xen: {}: not taken back: {}\n", domain->label(), one);
    if (healed.taken_back.empty() && healed.failed.empty())
        fmt::print("{}: nothing was set any more\n", domain->label());
    if (healed.failed.empty()) (*lease)->finish();
    return healed.failed.empty() ? 0 : internal_error("", "").exit_status();
}

} // namespace

Command add_xen_release_command(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("release", "Take everything back from a domain, after a crash too");
    auto name = std::make_shared<std::string>();
    command->add_option("domain", *name, "The guest, by name or number")->required();
    return {command, [name] { return run(*name); }};
}

} // namespace stakeout
