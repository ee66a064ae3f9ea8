#include "tools/stakeout/slot_holders.h"

#include "base/printable.h"
#include "keeper/control_client.h"
#include "loader/object_finder.h"
#include "tools/stakeout/watch_status_text.h"

#include <fmt/format.h>
#include <linux/hw_breakpoint.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <map>

namespace stakeout {
namespace {

std::string access_word(std::uint32_t type) {
    if (type == HW_BREAKPOINT_X) return "x";
    return type == HW_BREAKPOINT_W ? "w" : "rw";
}

// A watch's guardian shares its reader's descriptors: named once, by the reader.
bool shares_files_with_parent(std::uint32_t tgid, const std::map<std::uint32_t, std::uint32_t>& parents) {
    const auto parent = parents.find(tgid);
    return parent != parents.end() && ::syscall(SYS_kcmp, static_cast<pid_t>(tgid),
                                                static_cast<pid_t>(parent->second), KCMP_FILES, 0, 0) == 0;
}

void add_debuggers(const std::vector<so_task>& tasks, std::vector<SlotHolder>& holders) {
    for (const so_task& task : tasks)
        for (const so_breakpoint& breakpoint : task.ptrace) {
            if (breakpoint.address == 0 && breakpoint.length == 0) continue;
            SlotHolder holder;
            holder.pid = task.tgid;
            holder.comm = task.comm;
            holder.target_tid = task.tid;
            holder.address = breakpoint.address;
            holder.length = breakpoint.length;
            holder.access = access_word(breakpoint.type);
            holder.by_debugger = true;
            holders.push_back(std::move(holder));
        }
}

} // namespace

Result<std::vector<SlotHolder>> slot_holders() {
    auto files = find_breakpoint_files();
    if (!files) return std::move(files).error();
    auto tasks = find_tasks();
    if (!tasks) return std::move(tasks).error();
    std::map<std::uint32_t, std::uint32_t> parents;
    for (const so_task& task : *tasks) parents[task.tgid] = task.parent_tgid;

    std::vector<SlotHolder> holders;
    for (const so_file& file : *files) {
        if (shares_files_with_parent(file.tgid, parents)) continue;
        SlotHolder holder;
        holder.pid = file.tgid;
        holder.comm = file.comm;
        holder.cpu = file.cpu;
        holder.target_tid = file.target_tid;
        holder.address = file.breakpoint.address;
        holder.length = file.breakpoint.length;
        holder.access = access_word(file.breakpoint.type);
        holders.push_back(std::move(holder));
    }
    add_debuggers(*tasks, holders);
    std::stable_sort(holders.begin(), holders.end(),
                     [](const SlotHolder& a, const SlotHolder& b) { return a.pid < b.pid; });
    return holders;
}

namespace {

// PID -> " as db-state, which ends in 12m 03s", of the holders that are watches of ours.
std::map<std::uint32_t, std::string> watches_among_holders() {
    std::map<std::uint32_t, std::string> told;
    auto folder = RunFolder::open();
    if (!folder) return told;
    for (const FoundWatch& found : running_watches(*folder))
        if (const auto* status = std::get_if<WatchStatus>(&found))
            told[static_cast<std::uint32_t>(status->pid)] =
                fmt::format(" as watch {} of {}, which ends in {}", status->name, target_text(*status),
                            short_duration(status->seconds_left()));
    return told;
}

} // namespace

void name_slot_holders(Error& error) {
    auto holders = slot_holders();
    if (!holders) return;
    const auto watches = watches_among_holders();
    std::map<std::uint32_t, std::string> names;
    for (const SlotHolder& holder : *holders) {
        if (holder.pid == static_cast<std::uint32_t>(::getpid())) continue;
        const auto watch = watches.find(holder.pid);
        names[holder.pid] = fmt::format("{} (pid {}){}", printable(holder.comm), holder.pid,
                                        watch != watches.end() ? watch->second : "");
    }
    std::string list;
    for (const auto& [pid, name] : names) list += (list.empty() ? "" : ", ") + name;
    error.cause += list.empty() ? ", and no process holds them: the kernel itself does (kgdb, a module)"
                                : "; perf breakpoints are held by " + list;
    error.remedy =
        "end one of them (`stakeout remove` ends a watch), or queue for one with --wait; `stakeout "
        "slots` shows each slot";
}

} // namespace stakeout
