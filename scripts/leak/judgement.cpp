#include "scripts/leak/judgement.h"

#include <algorithm>

namespace stakeout {
namespace {

constexpr std::size_t most_points = 400;
constexpr std::uint64_t least_old_objects = 3; // one or two may be anything that a program keeps
constexpr double rare = 0.05;                  // share of old objects that may have been freed

void thin(std::vector<GrowthPoint>& series) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < series.size(); i += 2) series[kept++] = series[i];
    series.resize(kept);
}

std::string acquittal(const GroupHistory& history, const GroupView& view) {
    if (history.site.what == LEAK_RECLAIMABLE)
        return "the kernel takes these objects back when memory is short";
    if (view.old_objects < least_old_objects) return "hardly any of its objects grew old";
    const auto old = static_cast<double>(view.old_objects + view.old_frees);
    if (static_cast<double>(view.old_frees) > rare * old) return "its old objects are freed";
    if (!view.growth.steady()) return "it does not grow steadily";
    return {};
}

} // namespace

void add_points(Histories& histories, const std::vector<TrackedGroup>& now,
                std::chrono::nanoseconds exposure) {
    const double seconds = std::chrono::duration<double>(exposure).count();
    for (const TrackedGroup& group : now) {
        GroupHistory& history = histories[group.site];
        history.site = group.site;
        history.latest = group.sums;
        // Frees are counted after the allocation's own count, but on another CPU.
        const std::uint64_t live = group.sums.allocated_bytes > group.sums.freed_bytes
                                       ? group.sums.allocated_bytes - group.sums.freed_bytes
                                       : 0;
        if (history.series.empty() || seconds > history.series.back().seconds)
            history.series.push_back({seconds, static_cast<double>(live)});
        if (history.series.size() > most_points) thin(history.series);
    }
}

void find_old_objects(Histories& histories, const std::vector<TrackedObject>& objects, std::uint64_t now_ns,
                      std::chrono::nanoseconds older) {
    for (auto& [_, history] : histories) history.old_objects.clear();
    for (const TrackedObject& object : objects) {
        if (object.facts.time_ns + static_cast<std::uint64_t>(older.count()) > now_ns) continue;
        const auto found = histories.find(object.facts.site);
        if (found != histories.end()) found->second.old_objects.push_back(object);
    }
    for (auto& [_, history] : histories)
        std::sort(
            history.old_objects.begin(), history.old_objects.end(),
            [](const TrackedObject& a, const TrackedObject& b) { return a.facts.time_ns < b.facts.time_ns; });
}

GroupView judge(const GroupHistory& history, std::uint64_t now_ns) {
    GroupView view;
    const leak_group& sums = history.latest;
    view.growth = measure_growth(history.series);
    view.live_bytes = sums.allocated_bytes > sums.freed_bytes ? sums.allocated_bytes - sums.freed_bytes : 0;
    view.live_objects = sums.allocations > sums.frees ? sums.allocations - sums.frees : 0;
    view.old_objects = history.old_objects.size();
    view.old_frees = sums.old_frees;
    if (!history.old_objects.empty())
        view.oldest_seconds = static_cast<double>(now_ns - history.old_objects.front().facts.time_ns) / 1e9;
    view.acquitted_by = acquittal(history, view);
    view.suspicious = view.acquitted_by.empty();
    return view;
}

} // namespace stakeout
