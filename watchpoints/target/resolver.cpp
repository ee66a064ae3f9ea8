#include "watchpoints/target/resolver.h"

#include "watchpoints/target/address_rules.h"
#include "watchpoints/target/kernel_resolver.h"
#include "watchpoints/target/process_symbols.h"

#include <fmt/format.h>

namespace stakeout {
namespace {

Result<WatchedProcess> find_process(int pid) {
    auto found = find_tasks(static_cast<std::uint32_t>(pid));
    if (!found) return std::move(found).error();
    if (found->empty())
        return arm_error(fmt::format("watch process {}", pid), "there is no such process", "check the PID");
    if (found->front().mm == 0)
        return arm_error(
            fmt::format("watch process {}", pid),
            fmt::format("{} is a kernel thread: it has no memory of its own", found->front().comm),
            "leave out --pid to watch kernel memory");
    return WatchedProcess{pid, found->front().mm, found->front().pgd, found->front().mm_offset};
}

Result<Target> user_range(const TargetQuery& query, const std::string& text, const AddressRange& range) {
    Target target;
    target.name = text;
    target.address = range.start;
    target.size = range.end > range.start ? range.end - range.start
                  : query.function        ? 1
                                          : query.length.value_or(0);
    if (target.size == 0)
        return usage_error("watch " + text, "an address has no width",
                           "give --len 1, 2, 4 or 8, or a range START-END");
    return target;
}

Result<Resolution> resolve_in_process(const TargetQuery& query) {
    Resolution resolution;
    const int pid = *query.pid;
    if (!query.objects.empty())
        return usage_error("watch --object with --pid", "objects live in the kernel, not in a process",
                           "leave out --pid");
    auto process = find_process(pid);
    if (!process) return std::move(process).error();
    resolution.process = *process;
    auto maps = ProcessMaps::read(pid);
    if (!maps) return std::move(maps).error();
    for (const std::string& text : query.symbols) {
        auto expression = parse_symbol(text);
        if (!expression) return std::move(expression).error();
        auto target = find_process_symbol({pid, *expression, query.function, query.length}, *maps);
        if (!target) return std::move(target).error();
        resolution.targets.push_back(std::move(*target));
    }
    for (const std::string& text : query.addresses) {
        auto range = parse_range(text);
        if (!range) return std::move(range).error();
        auto target = user_range(query, text, *range);
        if (!target) return std::move(target).error();
        resolution.targets.push_back(std::move(*target));
    }
    for (const Target& target : resolution.targets)
        if (auto fine = check_user_target(target, *maps, pid); !fine) return std::move(fine).error();
    return resolution;
}

Result<Resolution> resolve_in_kernel(const TargetQuery& query, const DataReferenceFinder& references) {
    Resolution resolution;
    KernelResolver kernel(query, references);
    for (const std::string& text : query.symbols) {
        auto expression = parse_symbol(text);
        if (!expression) return std::move(expression).error();
        auto target = kernel.symbol(*expression);
        if (!target) return std::move(target).error();
        resolution.targets.push_back(std::move(*target));
    }
    for (const std::string& text : query.objects) {
        auto expression = parse_object(text);
        if (!expression) return std::move(expression).error();
        auto target = kernel.object(*expression, resolution.objects);
        if (!target) return std::move(target).error();
        resolution.targets.push_back(std::move(*target));
    }
    for (const std::string& text : query.addresses) {
        auto range = parse_range(text);
        if (!range) return std::move(range).error();
        auto target = kernel.range(text, *range);
        if (!target) return std::move(target).error();
        resolution.targets.push_back(std::move(*target));
    }
    resolution.symbols = kernel.take_symbols();
    resolution.types = kernel.take_types();
    return resolution;
}

} // namespace

Result<Resolution> resolve(const TargetQuery& query, const DataReferenceFinder& references) {
    auto resolution = query.pid ? resolve_in_process(query) : resolve_in_kernel(query, references);
    if (!resolution) return resolution;
    if (resolution->targets.size() > 4)
        return arm_error("watch " + std::to_string(resolution->targets.size()) + " targets",
                         "a CPU has four debug registers", "watch at most four");
    const bool any_per_cpu = std::any_of(resolution->targets.begin(), resolution->targets.end(),
                                         [](const Target& target) { return target.is_per_cpu(); });
    for (const Target& target : resolution->targets)
        if (any_per_cpu && !target.is_per_cpu())
            return arm_error("watch " + target.name + " beside a per-CPU variable",
                             "their values are kept differently", "use two watches");
    return resolution;
}

} // namespace stakeout
