#include "watchpoints/arm/examination.h"

#include "base/text_file.h"
#include "loader/feature_probe.h"
#include "loader/hit_program.h"
#include "loader/kernel_peek.h"
#include "loader/object_finder.h"
#include "watchpoints/arm/breakpoint.h"
#include "watchpoints/arm/calibration.h"
#include "watchpoints/arm/free_slots.h"
#include "watchpoints/arm/online_cpus.h"
#include "watchpoints/target/kernel_symbols.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>

namespace stakeout {
namespace {

MachineFinding good(std::string subject, std::string found) {
    return {std::move(subject), Verdict::Good, std::move(found), {}, {}};
}

MachineFinding examine_kernel() {
    utsname name{};
    ::uname(&name);
    return good("kernel", fmt::format("Linux {} on {}", name.release, name.machine));
}

MachineFinding examine_machine_kind() {
    auto cpuinfo = read_text_file("/proc/cpuinfo");
    if (!cpuinfo || cpuinfo->find(" hypervisor") == std::string::npos)
        return good("machine", "bare metal, as far as the CPU tells");
    return {"machine", Verdict::Limited, "a virtual machine",
            "under some hypervisors a debug exception now and then arrives without its cause: the access is "
            "then not seen, "
            "and if it was made in user mode the process gets a SIGTRAP, which ends it unless it handles "
            "that signal",
            "prefer kernel targets on virtual machines, or try the target program on a test machine first"};
}

MachineFinding examine_rights() {
    if (::geteuid() == 0) return good("rights", "running as root");
    return {"rights", Verdict::Limited, fmt::format("running as user {}", ::geteuid()),
            "without CAP_BPF and CAP_PERFMON nothing can be armed, without CAP_SYS_PTRACE no other user's "
            "process read",
            "run it as root (sudo stakeout ...)"};
}

MachineFinding examine_lockdown() {
    auto text = read_text_file("/sys/kernel/security/lockdown");
    if (!text) return good("lockdown", "not in this kernel, or securityfs is not mounted");
    const bool confidentiality = text->find("[confidentiality]") != std::string::npos;
    while (!text->empty() && text->back() == '\n') text->pop_back();
    if (!confidentiality) return good("lockdown", *text);
    return {"lockdown", Verdict::Missing, *text,
            "BPF programs may not read kernel memory: no values, no stacks, no objects",
            "boot with lockdown=integrity or without lockdown"};
}

MachineFinding examine_slots(const std::vector<std::uint32_t>& cpus) {
    int least = static_cast<int>(slots_per_cpu);
    for (const std::uint32_t cpu : cpus) {
        auto free = free_slots(cpu);
        if (!free)
            return {"debug registers", Verdict::Missing, free.error().cause, "nothing can be armed",
                    free.error().remedy};
        least = std::min(least, *free);
    }
    std::string found =
        fmt::format("{} of {} can be armed on each of {} CPUs", least, slots_per_cpu, cpus.size());
    if (least == static_cast<int>(slots_per_cpu)) return good("debug registers", std::move(found));
    if (least > 0)
        return {"debug registers", Verdict::Limited, std::move(found),
                "a watch can take no more slots than are free on every CPU",
                "`stakeout slots` shows who holds the others"};
    return {"debug registers", Verdict::Missing, std::move(found), "nothing can be armed",
            "`stakeout slots` shows who holds them"};
}

// Arms a word of our own, hits it, and learns the cost and the way to stop.
MachineFinding examine_hits(const Result<std::unique_ptr<HitProgram>>& program) {
    if (!program)
        return {"hits", Verdict::Missing, program.error().sentence(), "nothing can be watched",
                program.error().remedy};
    auto calibration = calibrate(**program);
    if (!calibration)
        return {"hits", Verdict::Missing, calibration.error().sentence(), "nothing can be watched",
                calibration.error().remedy};
    if ((*program)->probe_runs() == 0)
        return {"hits", Verdict::Missing,
                "a breakpoint on a word of our own was accepted, but writing the word did not trap",
                "watches would be blind: this hypervisor or emulator does not implement debug registers",
                "use another machine"};
    const double microseconds = static_cast<double>(calibration->exception_cost.count()) / 1000;
    std::string found = fmt::format(
        "a write to a word of our own trapped; a debug exception costs {:.1f} us here", microseconds);
    if (calibration->stop_way == StopWay::ByReturn)
        return good("hits", found + "; a program can stop its event in the same hit");
    return {"hits", Verdict::Limited,
            found + "; on this kernel (before Linux 6.11) only an event's limit can stop it",
            "the brake works in numbers of hits instead of measured time, and a count may overrun the "
            "hardware by a few hits (the "
            "records are exact)",
            "nothing need be done; Linux 6.11 and later have both"};
}

MachineFinding examine_execute_in_kernel(const KernelSymbols* symbols, int program_fd) {
    if (symbols == nullptr || program_fd < 0)
        return {"kernel execute breakpoints", Verdict::Limited, "not examined (no symbols)", {}, {}};
    const auto found = symbols->find("__x64_sys_getpid");
    if (found.empty())
        return {"kernel execute breakpoints", Verdict::Limited, "not examined (no function to try)", {}, {}};
    BreakpointSpec spec;
    spec.cpu = 0;
    spec.address = found.front().address;
    spec.kind = AccessKind::Execute;
    if (auto breakpoint = Breakpoint::open(spec, program_fd); !breakpoint)
        return {"kernel execute breakpoints", Verdict::Limited,
                "refused by this kernel (built without KPROBES)",
                "--x works on programs, not on kernel functions", "watch the data that the function writes"};
    return good("kernel execute breakpoints", "accepted");
}

MachineFinding examine_symbols(const Result<std::unique_ptr<KernelSymbols>>& symbols) {
    if (!symbols)
        return {"kernel symbols", Verdict::Limited, symbols.error().sentence(),
                "kernel stacks have no names; --symbol cannot find anything", symbols.error().remedy};
    std::string found =
        fmt::format("{} symbols, {} of them data", (*symbols)->size(), (*symbols)->data_symbols());
    if (!(*symbols)->hides_data()) return good("kernel symbols", std::move(found));
    return {"kernel symbols", Verdict::Limited, found + " (built without KALLSYMS_ALL)",
            "kernel variables cannot be found by name in /proc/kallsyms; per-CPU variables, objects and a "
            "few globals can",
            "give System.map or vmlinux with --vmlinux, a function that uses the variable with --via, or an "
            "--object"};
}

MachineFinding examine_types(const BpfFeatures& features) {
    if (features.type_information) return good("kernel types (BTF)", "/sys/kernel/btf/vmlinux is readable");
    return {"kernel types (BTF)", Verdict::Limited, "this kernel has none",
            "no typed paths, no kernel objects, no per-CPU variables, no process targets: only addresses and "
            "plain symbols",
            "boot a kernel with CONFIG_DEBUG_INFO_BTF"};
}

MachineFinding examine_kernel_memory() {
    auto peek = KernelPeek::load();
    if (!peek)
        return {"kernel memory", Verdict::Missing, peek.error().sentence(),
                "no first values, no kernel instructions", peek.error().remedy};
    return good("kernel memory", "readable through BPF");
}

MachineFinding examine_objects() {
    auto tasks = find_tasks();
    if (!tasks)
        return {"kernel objects", Verdict::Limited, tasks.error().sentence(), "no --object, no --pid",
                tasks.error().remedy};
    return good("kernel objects", fmt::format("iterators work, {} tasks found", tasks->size()));
}

} // namespace

std::vector<MachineFinding> examine_machine() {
    std::vector<MachineFinding> findings{examine_kernel(), examine_machine_kind(), examine_rights(),
                                         examine_lockdown()};
    const BpfFeatures features = probe_bpf_features();
    if (!features.loads_programs)
        findings.push_back({"BPF programs", Verdict::Missing, "the kernel refuses them",
                            "nothing can be armed",
                            "run as root; check kernel.unprivileged_bpf_disabled and lockdown"});
    else
        findings.push_back(good("BPF programs", "accepted on perf events"));
    findings.push_back(features.ring_buffer
                           ? good("ring buffer", "present")
                           : MachineFinding{"ring buffer", Verdict::Missing, "absent",
                                            "hits cannot be recorded", "Linux 5.8 or newer"});
    findings.push_back(
        features.timers
            ? good("softirq timers", "bpf_timer present: scripts can follow up in softirq")
            : MachineFinding{"softirq timers", Verdict::Limited, "no bpf_timer",
                             "scripts follow hits up from the softirq tracepoint, milliseconds late",
                             "Linux 5.15 or newer"});
    findings.push_back(examine_types(features));
    auto cpus = online_cpus();
    if (cpus) findings.push_back(examine_slots(*cpus));
    const auto program = HitProgram::load({});
    findings.push_back(examine_hits(program));
    auto symbols = KernelSymbols::load();
    findings.push_back(examine_symbols(symbols));
    findings.push_back(examine_execute_in_kernel(symbols ? symbols->get() : nullptr,
                                                 program ? (*program)->program_fd() : -1));
    findings.push_back(examine_kernel_memory());
    findings.push_back(examine_objects());
    return findings;
}

} // namespace stakeout
