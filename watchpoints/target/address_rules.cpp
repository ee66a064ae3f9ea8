#include "watchpoints/target/address_rules.h"

#include "base/text_file.h"
#include "watchpoints/target/per_cpu.h"

#include <fmt/format.h>

#include <array>

namespace stakeout {
namespace {

constexpr std::uint64_t kernel_stack_bytes =
    16384; // THREAD_SIZE on x86-64 (32768 with KASAN: then half is checked)

// What exception entry and the BPF machinery touch on every hit. current_task and __preempt_count stood in
// pcpu_hot from Linux 6.2 ("x86/percpu: Move preempt_count next to current_task") to 6.14.
constexpr std::array<std::string_view, 7> entry_path_variables{
    "__preempt_count",          "current_task",    "const_current_task", "pcpu_hot",
    "cpu_current_top_of_stack", "bpf_prog_active", "cpu_tss_rw"};

// "counter at 0x4010"; an address that is its own name stands once.
std::string name_and_address(const Target& target, std::uint64_t address) {
    const std::string number = fmt::format("{:#x}", address);
    return target.name.starts_with(number) ? target.name : target.name + " at " + number;
}

bool overlaps(std::uint64_t a, std::uint64_t a_size, std::uint64_t b, std::uint64_t b_size) {
    return a < b + b_size && b < a + a_size;
}

Error entry_path_error(const Target& target, std::string_view variable) {
    return arm_error(
        "watch " + target.name,
        fmt::format("every exception touches it itself ({}): the watch would strike its own handling",
                    variable),
        "watch what depends on it instead");
}

std::uint64_t size_of(const KernelTypes& types, const PerCpuVariable& variable) {
    auto place = types.walk(0, variable.type, false, {}, nullptr);
    return place ? place->size : 8;
}

} // namespace

Half half_of(std::uint64_t address, bool five_levels) {
    const int bits = five_levels ? 56 : 47;
    const std::uint64_t top = address >> bits;
    if (top == 0) return Half::User;
    return top == (~std::uint64_t{0} >> bits) ? Half::Kernel : Half::NonCanonical;
}

bool machine_has_five_levels() {
    // Asked for each CPU's copy of a variable, and /proc/cpuinfo grows with the CPUs: read once.
    static const bool five_levels = [] {
        auto text = read_text_file("/proc/cpuinfo");
        return text && text->find(" la57") != std::string::npos;
    }();
    return five_levels;
}

Status check_kernel_target(const Target& target, const KernelPeek& peek) {
    const std::uint64_t size = std::max<std::uint64_t>(target.size, 1);
    for (std::uint32_t cpu = 0; cpu < (target.is_per_cpu() ? target.cpu_base.size() : 1); ++cpu) {
        if (target.is_per_cpu() && target.cpu_base[cpu] == 0) continue;
        const std::uint64_t address = target.address_on(cpu);
        const std::string tried = "watch " + name_and_address(target, address);
        switch (half_of(address, machine_has_five_levels())) {
        case Half::User:
            return arm_error(tried, "that is a user-space address, and it means something only in a process",
                             "say whose: --pid PID");
        case Half::NonCanonical:
            return arm_error(tried, "that is no canonical x86-64 address: no access can ever reach it",
                             "check the number");
        case Half::Kernel:
            break;
        }
        std::vector<std::uint8_t> bytes(std::min<std::uint64_t>(size, 4096));
        if (!peek.read(address, bytes))
            return arm_error(
                tried, "nothing is mapped at that kernel address (the kernel would accept it and never hit)",
                "check the number; with KASLR addresses change at every boot");
    }
    return done();
}

Status check_user_target(const Target& target, const ProcessMaps& maps, int pid) {
    const std::string tried =
        fmt::format("watch {} in process {}", name_and_address(target, target.address), pid);
    const Half half = half_of(target.address, machine_has_five_levels());
    if (half == Half::Kernel)
        return arm_error(tried, "that is a kernel address", "leave out --pid to watch kernel memory");
    if (half == Half::NonCanonical)
        return arm_error(tried, "that is no canonical x86-64 address: no access can ever reach it",
                         "check the number");
    if (maps.containing(target.address) == nullptr ||
        maps.containing(target.address + std::max<std::uint64_t>(target.size, 1) - 1) == nullptr)
        return arm_error(tried, "nothing is mapped there", fmt::format("see /proc/{}/maps", pid));
    return done();
}

Status check_per_cpu_offset(const Target& target, const KernelTypes& types) {
    for (const std::string_view name : entry_path_variables) {
        const auto variable = types.per_cpu_variable(name);
        if (variable && overlaps(target.address, target.size, variable->offset, size_of(types, *variable)))
            return entry_path_error(target, name);
    }
    return done();
}

Status check_not_exception_path(const Target& target, const KernelTypes& types,
                                std::span<const so_task> tasks) {
    for (const so_task& task : tasks)
        if (overlaps(target.address, target.size, task.stack, kernel_stack_bytes))
            return arm_error(
                fmt::format("watch {} at {:#x}", target.name, target.address),
                fmt::format(
                    "it lies in the kernel stack of task {} ({}), which the exception entry itself uses",
                    task.tid, task.comm),
                "watch the object that the stack variable points to");
    auto bases = per_cpu_bases(types, tasks);
    if (!bases) return done(); // without per-CPU areas in BTF there is nothing to compare with
    for (const std::uint64_t base : *bases) {
        if (base == 0) continue;
        Target relative = target;
        relative.address = target.address - base;
        if (auto fine = check_per_cpu_offset(relative, types); !fine) return fine;
    }
    return done();
}

} // namespace stakeout
