// `stakeout slots`: the debug registers in use on each CPU and who holds them.
#include "tools/stakeout/commands.h"
#include "tools/stakeout/failure.h"
#include "tools/stakeout/slot_holders.h"
#include "watchpoints/arm/free_slots.h"
#include "watchpoints/arm/online_cpus.h"
#include "watchpoints/arm/slot_plan.h"

#include "base/printable.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <memory>

namespace stakeout {
namespace {

struct CpuSlots {
    std::uint32_t cpu;
    int used;
};

void print_text(const std::vector<CpuSlots>& cpus, const std::vector<SlotHolder>& holders) {
    for (const CpuSlots& cpu : cpus)
        fmt::print("CPU {:<4} {} of {} slots in use\n", cpu.cpu, cpu.used, slots_per_cpu);
    if (holders.empty()) {
        fmt::print("no process holds a perf breakpoint\n");
        return;
    }
    fmt::print("{:>8}  {:<16} {:>5}  {:<6} {:>3}  {}\n", "PID", "COMMAND", "CPU", "ACCESS", "LEN", "ADDRESS");
    for (const SlotHolder& holder : holders) {
        const std::string cpu = holder.cpu >= 0 ? std::to_string(holder.cpu) : "any";
        std::string remark;
        if (holder.target_tid != 0) remark = fmt::format("  only task {}", holder.target_tid);
        if (holder.by_debugger) remark += " (set by its debugger)";
        fmt::print("{:>8}  {:<16} {:>5}  {:<6} {:>3}  {:#x}{}\n", holder.pid, printable(holder.comm), cpu,
                   holder.access, holder.length, holder.address, remark);
    }
}

void print_json(const std::vector<CpuSlots>& cpus, const std::vector<SlotHolder>& holders) {
    nlohmann::ordered_json document{{"v", 1}, {"type", "slots"}, {"slots_per_cpu", slots_per_cpu}};
    document["cpus"] = nlohmann::ordered_json::array();
    document["holders"] = nlohmann::ordered_json::array();
    for (const CpuSlots& cpu : cpus) document["cpus"].push_back({{"cpu", cpu.cpu}, {"used", cpu.used}});
    for (const SlotHolder& holder : holders)
        document["holders"].push_back({{"pid", holder.pid},
                                       {"comm", holder.comm},
                                       {"cpu", holder.cpu},
                                       {"task", holder.target_tid},
                                       {"address", fmt::format("{:#x}", holder.address)},
                                       {"length", holder.length},
                                       {"access", holder.access},
                                       {"debugger", holder.by_debugger}});
    fmt::print("{}\n", document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

int run_slots(const std::string& format) {
    if (format != "text" && format != "json")
        return fail(usage_error("use --output " + format, "it is none of text and json"));
    auto online = online_cpus();
    if (!online) return fail(online.error());
    std::vector<CpuSlots> cpus;
    for (const std::uint32_t cpu : *online) {
        auto free = free_slots(cpu);
        if (!free) return fail(free.error());
        cpus.push_back({cpu, static_cast<int>(slots_per_cpu) - *free});
    }
    auto holders = slot_holders();
    if (!holders) return fail(holders.error());
    if (format == "json")
        print_json(cpus, *holders);
    else
        print_text(cpus, *holders);
    return 0;
}

} // namespace

Command add_slots_command(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("slots", "Show the debug registers in use and the processes that hold them");
    auto format = std::make_shared<std::string>("text");
    command->add_option("--output,-o", *format, "text or json")->capture_default_str();
    command->footer("Manual: man stakeout-slots");
    return {command, [format] { return run_slots(*format); }};
}

} // namespace stakeout
