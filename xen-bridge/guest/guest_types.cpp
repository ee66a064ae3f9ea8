#include "xen-bridge/guest/guest_types.h"

#include "base/text_file.h"
#include "watchpoints/target/elf_file.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>
#include <vector>

namespace stakeout {
namespace {

constexpr std::uint64_t most_btf = 64U << 20;

std::optional<std::uint64_t> only(const KernelSymbols& symbols, std::string_view name) {
    const auto found = symbols.find(std::string("vmlinux:").append(name));
    if (found.size() != 1) return std::nullopt;
    return found.front().address;
}

struct Field {
    std::uint64_t offset = 0, bytes = 0;
};
Result<Field> field_of(const KernelTypes& types, std::string_view type, std::string_view field) {
    auto id = types.find(type);
    if (!id) return std::move(id).error();
    const std::vector<PathStep> path{{PathStep::Kind::Member, std::string(field), 0}};
    auto place = types.walk(0, *id, false, path, {});
    if (!place) return std::move(place).error();
    return Field{place->address, place->size};
}

// A per-CPU variable by its symbol, as a member of pcpu_hot (6.2 to 6.14), or by BTF's list of them.
std::optional<std::uint64_t> per_cpu(const KernelTypes& types, const KernelSymbols& symbols,
                                     std::string_view name) {
    if (const auto address = only(symbols, name)) return address;
    const auto hot_member = field_of(types, "struct pcpu_hot", name);
    if (const auto hot = only(symbols, "pcpu_hot"); hot && hot_member) return *hot + hot_member->offset;
    const std::uint64_t start = only(symbols, "__per_cpu_start").value_or(0);
    if (const auto variable = types.per_cpu_variable(name)) return start + variable->offset;
    if (const auto hot = types.per_cpu_variable("pcpu_hot"); hot && hot_member)
        return start + hot->offset + hot_member->offset;
    return std::nullopt;
}

} // namespace

std::uint64_t FieldReader::offset(std::string_view type, std::string_view field, std::uint64_t bytes) {
    const auto found = field_of(types_, type, field);
    if (!found) {
        if (!missing_) missing_ = found.error();
        return 0;
    }
    if (bytes != 0 && found->bytes != bytes && !missing_)
        missing_ = arm_error(fmt::format("find {}.{}", type, field),
                             fmt::format("it has {} bytes and not {}", found->bytes, bytes));
    return found->offset;
}

Result<std::unique_ptr<KernelTypes>> types_in_memory(GuestMemory& memory, const KernelSymbols& symbols) {
    const std::string tried = "read the guest kernel's types from its memory";
    const std::string remedy = "give a file with them (the guest's /sys/kernel/btf/vmlinux, or its vmlinux)";
    const auto start = only(symbols, "__start_BTF"), end = only(symbols, "__stop_BTF");
    if (!start || !end)
        return arm_error(tried, "its symbols do not say where they are (CONFIG_DEBUG_INFO_BTF)", remedy);
    if (*end <= *start || *end - *start > most_btf)
        return arm_error(tried, fmt::format("{:#x}-{:#x} cannot be their place", *start, *end), remedy);
    std::vector<std::uint8_t> bytes(*end - *start);
    if (memory.read(*start, bytes) != bytes.size())
        return arm_error(tried, fmt::format("{:#x}-{:#x} is not all mapped", *start, *end), remedy);
    auto types = KernelTypes::parse(bytes);
    if (!types) return arm_error(tried, types.error().cause, remedy);
    return types;
}

Result<std::unique_ptr<KernelTypes>> types_in_file(const std::string& path) {
    const auto parse = [](std::string_view text) {
        return KernelTypes::parse(std::vector<std::uint8_t>(text.begin(), text.end()));
    };
    if (const auto elf = ElfFile::open(path)) {
        const ElfFile::Section* section = (*elf)->section(".BTF");
        if (section == nullptr) return arm_error("read the types of " + path, "it has no section .BTF");
        return parse((*elf)->contents(*section));
    }
    const auto text = read_text_file(path);
    if (!text)
        return arm_error("read the types of " + path, text.error().cause, {}, text.error().errno_value);
    return parse(*text);
}

Result<TaskFinder> task_finder(const KernelTypes& types, const KernelSymbols& symbols) {
    FieldReader fields(types);
    TaskFinder finder;
    TaskOffsets& task = finder.offsets;
    constexpr std::string_view task_struct = "struct task_struct";
    task.pid = fields.offset(task_struct, "pid", 4);
    task.tgid = fields.offset(task_struct, "tgid", 4);
    task.comm = fields.offset(task_struct, "comm", 16);
    task.comm_bytes = 16;
    task.mm = fields.offset(task_struct, "mm", 8);
    task.tasks = fields.offset(task_struct, "tasks", 16);
    task.stack = fields.offset(task_struct, "stack", 8);
    task.pgd = fields.offset("struct mm_struct", "pgd", 8);
    if (fields.missing()) return *fields.missing();

    const std::string tried = "find the guest's tasks";
    const auto current = per_cpu(types, symbols, "current_task");
    if (!current)
        return arm_error(tried, "neither current_task nor pcpu_hot is among the kernel's symbols and types");
    const auto init = only(symbols, "init_task");
    if (!init)
        return arm_error(tried, "init_task is not among the kernel's symbols",
                         "give a System.map (--symbols)");
    finder.current_task = *current;
    finder.init_task = *init;
    finder.per_cpu_offset = only(symbols, "__per_cpu_offset").value_or(0);
    finder.cpu_number = per_cpu(types, symbols, "cpu_number");
    return finder;
}

} // namespace stakeout
