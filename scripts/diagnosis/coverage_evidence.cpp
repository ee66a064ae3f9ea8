#include "scripts/diagnosis/coverage_evidence.h"

#include <fmt/format.h>

namespace stakeout {
namespace {

double seconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e9; }

} // namespace

Evidence coverage_evidence(const Armed& armed, const Summary& summary) {
    Evidence evidence;
    evidence.kind = "coverage";
    evidence.says = fmt::format("armed on {} of {} CPUs for {:.1f} s; {} hits = {} records + {} lost",
                                armed.cpus_armed.size(), armed.cpus_online.size(),
                                seconds(summary.duration_ns), summary.hits, summary.records, summary.lost);
    if (summary.dropped.in_kernel() != 0)
        evidence.says += fmt::format(" + {} dropped in the kernel", summary.dropped.in_kernel());
    evidence.says += fmt::format("; {} unseen; not watched for {:.1f} s of CPU time", summary.unseen,
                                 seconds(summary.braked_ns));
    evidence.facts = {
        {"cpus_armed", std::uint64_t{armed.cpus_armed.size()}},
        {"cpus_online", std::uint64_t{armed.cpus_online.size()}},
        {"seconds", seconds(summary.duration_ns)},
        {"hits", summary.hits},
        {"records", summary.records},
        {"lost", summary.lost},
        {"dropped_in_kernel", summary.dropped.in_kernel()},
        {"unseen", summary.unseen},
        {"braked", summary.braked},
        {"braked_seconds", seconds(summary.braked_ns)},
        {"ended", summary.reason},
    };
    return evidence;
}

std::vector<std::string> coverage_gaps(const Armed& armed, const Summary& summary) {
    std::vector<std::string> gaps;
    if (armed.cpus_armed.size() < armed.cpus_online.size())
        gaps.push_back(
            fmt::format("{} CPUs were not armed", armed.cpus_online.size() - armed.cpus_armed.size()));
    if (summary.lost != 0)
        gaps.push_back(fmt::format("{} hits were lost: the reader did not keep up", summary.lost));
    if (summary.unseen != 0)
        gaps.push_back(fmt::format(
            "{} hits were counted by the kernel, which did not run the program for them", summary.unseen));
    if (summary.braked != 0)
        gaps.push_back(
            fmt::format("the brake stopped the watch {} times, for {:.1f} s of CPU time in all (--no-brake "
                        "sees everything)",
                        summary.braked, seconds(summary.braked_ns)));
    gaps.emplace_back(
        "debug registers match virtual addresses: a write through another mapping of the same memory, or "
        "by a device, is not seen");
    return gaps;
}

bool covered_everything(const Armed& armed, const Summary& summary) {
    return armed.cpus_armed.size() == armed.cpus_online.size() && summary.lost == 0 && summary.unseen == 0 &&
           summary.braked == 0;
}

} // namespace stakeout
