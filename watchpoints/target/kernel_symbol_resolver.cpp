// KernelResolver's part for named symbols: where a name may be found, in the order of trust.
//   1. BTF's per-CPU section (kallsyms has these too, but as offsets)
//   2. /proc/kallsyms
//   3. System.map or vmlinux, moved by the KASLR offset
//   4. the text of a function that refers to it (--via, or one that is known to)
#include "base/near_names.h"
#include "watchpoints/target/address_rules.h"
#include "watchpoints/target/kernel_resolver.h"
#include "watchpoints/target/known_globals.h"
#include "watchpoints/target/per_cpu.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace stakeout {
namespace {

std::string find_tried(const SymbolExpression& expression) {
    return fmt::format("find the kernel symbol '{}'", expression.text);
}

std::string qualified(const SymbolExpression& expression) {
    return expression.module.empty() ? expression.name : expression.module + ":" + expression.name;
}

Result<std::optional<std::uint64_t>> pick(const SymbolExpression& expression, std::vector<KernelSymbol> found,
                                          bool function) {
    std::erase_if(found, [&](const KernelSymbol& symbol) { return symbol.is_text() != function; });
    const auto same = [](const KernelSymbol& a, const KernelSymbol& b) { return a.address == b.address; };
    found.erase(std::unique(found.begin(), found.end(), same), found.end());
    if (found.empty()) return std::optional<std::uint64_t>{};
    if (found.size() == 1) return std::optional(found.front().address);
    std::string list;
    for (const KernelSymbol& symbol : found)
        list += fmt::format("{}{}:{} at {:#x}", list.empty() ? "" : ", ",
                            symbol.module.empty() ? "vmlinux" : symbol.module, symbol.name, symbol.address);
    return arm_error(
        find_tried(expression), "the name is ambiguous: " + list,
        "write MODULE:NAME (vmlinux:NAME for the kernel itself), or give the address with --addr");
}

} // namespace

Result<Target> KernelResolver::symbol(const SymbolExpression& expression) {
    if (!query_.function) {
        auto variable = per_cpu(expression);
        if (!variable) return std::move(variable).error();
        if (*variable) return std::move(**variable);
    }
    Target target;
    target.name = expression.text;
    auto address = symbol_address(expression, target.note);
    if (!address) return std::move(address).error();
    target.address = *address + expression.offset;
    if (query_.function) {
        target.size = 1;
        return target;
    }
    constexpr std::uint64_t most_per_cpu_bytes = std::uint64_t{1} << 32U;
    if (target.address < most_per_cpu_bytes) {
        auto sized = untyped(std::move(target), expression);
        return sized ? per_cpu_by_offset(std::move(*sized)) : std::move(sized);
    }
    std::string type = query_.type;
    if (type.empty() && expression.offset == 0)
        if (const auto known = known_global(expression.name)) type = known->type;
    auto resolved = type.empty() ? untyped(std::move(target), expression) : typed(target, type, expression);
    if (!resolved) return resolved;
    if (auto fine = check(*resolved, expression.offset != 0); !fine) return std::move(fine).error();
    return resolved;
}

Result<std::optional<Target>> KernelResolver::per_cpu(const SymbolExpression& expression) {
    if (!expression.module.empty() && expression.module != "vmlinux") return std::optional<Target>{};
    auto known = types();
    if (!known) return std::optional<Target>{}; // no BTF: kallsyms may still know the name
    const auto variable = (*known)->per_cpu_variable(expression.name);
    if (!variable) return std::optional<Target>{};
    auto found =
        (*known)->walk(variable->offset + expression.offset, variable->type, false, expression.path, nullptr);
    if (!found) return std::move(found).error();
    auto all = tasks();
    if (!all) return std::move(all).error();
    auto bases = per_cpu_bases(**known, **all);
    if (!bases) return std::move(bases).error();
    Target target;
    target.name = expression.text;
    target.type = found->type_name;
    target.address = found->address;
    target.size = query_.length.value_or(found->size);
    target.cpu_base = std::move(*bases);
    target.note = "a per-CPU variable: each CPU's accesses to its own copy are watched";
    if (auto fine = check_per_cpu_offset(target, **known); !fine) return std::move(fine).error();
    if (auto fine = check(target, false); !fine) return std::move(fine).error();
    return std::optional(std::move(target));
}

// kallsyms lists the per-CPU variables of modules (and before Linux 6.15 of the kernel, "x86/percpu/64: Use
// relative percpu offsets") with their offset from each CPU's base in the place of an address.
Result<Target> KernelResolver::per_cpu_by_offset(Target target) {
    auto known = types();
    if (!known) return std::move(known).error();
    auto all = tasks();
    if (!all) return std::move(all).error();
    auto bases = per_cpu_bases(**known, **all);
    if (!bases) return std::move(bases).error();
    target.cpu_base = std::move(*bases);
    target.note = "a per-CPU variable: each CPU's accesses to its own copy are watched";
    if (auto fine = check_per_cpu_offset(target, **known); !fine) return std::move(fine).error();
    if (auto fine = check(target, false); !fine) return std::move(fine).error();
    return target;
}

Result<std::uint64_t> KernelResolver::symbol_address(const SymbolExpression& expression, std::string& note) {
    if (!query_.via.empty()) return referenced_by(expression, query_.via, note);
    auto table = symbols();
    if (!table) return std::move(table).error();
    auto address = pick(expression, (*table)->find(qualified(expression)), query_.function);
    if (!address) return std::move(address).error();
    if (*address) return **address;
    address = in_symbol_files(expression, note);
    if (!address) return std::move(address).error();
    if (*address) return **address;
    address = hidden_address(expression, note);
    if (!address) return std::move(address).error();
    if (*address) return **address;
    return unknown_symbol(expression);
}

Result<std::optional<std::uint64_t>> KernelResolver::in_symbol_files(const SymbolExpression& expression,
                                                                     std::string& note) {
    if (!query_.vmlinux.empty() || !expression.module.empty()) return std::optional<std::uint64_t>{};
    for (const std::string& file : KernelSymbols::usual_files()) {
        if (!symbols_->add_file(file)) continue; // absent, or another kernel's
        auto address = pick(expression, symbols_->find(qualified(expression)), query_.function);
        if (!address || *address) {
            note = fmt::format("its address comes from {}, moved by the KASLR offset", file);
            return address;
        }
    }
    return std::optional<std::uint64_t>{};
}

Result<std::optional<std::uint64_t>> KernelResolver::hidden_address(const SymbolExpression& expression,
                                                                    std::string& note) {
    if (query_.function || !(expression.module.empty() || expression.module == "vmlinux"))
        return std::optional<std::uint64_t>{};
    if (expression.name == "init_task") {
        auto found = find_task_address(0);
        if (!found) return std::move(found).error();
        note = "its address is that of kthreadd's parent (this kernel hides data symbols)";
        return *found != 0 ? std::optional(*found) : std::nullopt;
    }
    const auto known = known_global(expression.name);
    if (!known || known->via.empty()) return std::optional<std::uint64_t>{};
    auto address = referenced_by(expression, std::string(known->via), note);
    if (!address) return std::optional<std::uint64_t>{};
    return std::optional<std::uint64_t>(*address);
}

Result<std::uint64_t> KernelResolver::referenced_by(const SymbolExpression& expression,
                                                    const std::string& function, std::string& note) {
    const std::string tried = fmt::format("find '{}' in the text of {}", expression.text, function);
    auto table = symbols();
    if (!table) return std::move(table).error();
    auto start = pick(expression, (*table)->find(function), true);
    if (!start) return std::move(start).error();
    if (!*start)
        return arm_error(tried, "this kernel has no such function",
                         "give --via a function of /proc/kallsyms");
    auto memory = peek();
    if (!memory) return std::move(memory).error();
    constexpr std::uint64_t most_bytes = 4096;
    const std::uint64_t end = (*table)->next_start(**start).value_or(**start + most_bytes);
    const auto found = references_(**start, std::min(end - **start, most_bytes), **memory);
    if (found.empty())
        return arm_error(tried, "that function refers to no data by a fixed address",
                         "give --via another function");
    if (found.size() > 1 && !query_.via.empty()) {
        std::string list;
        for (const std::uint64_t address : found)
            list += fmt::format("{}{:#x}", list.empty() ? "" : ", ", address);
        return arm_error(tried, "it refers to several addresses: " + list, "give the right one with --addr");
    }
    note = fmt::format("its address was read from the text of {} (this kernel hides data symbols)", function);
    return found.front();
}

Error KernelResolver::unknown_symbol(const SymbolExpression& expression) {
    if (const auto others = symbols_->find(qualified(expression)); !others.empty())
        return query_.function
                   ? arm_error(find_tried(expression), "it is data, not a function", "leave out --x")
                   : arm_error(find_tried(expression), "it is a function, not data",
                               "use --x to trap its execution");
    const std::string& module = expression.module;
    if (!module.empty() && module != "vmlinux" && ::access(("/sys/module/" + module).c_str(), F_OK) != 0)
        return arm_error(find_tried(expression), fmt::format("no module '{}' is loaded", module),
                         "lsmod tells those that are");
    NearNames near(expression.name, 4);
    for (const std::string& name : symbols_->nearest(expression.name, 4)) near.consider(name);
    if (types_ && !query_.function)
        for (const std::string& name : types_->per_cpu_names()) near.consider(name);
    if (!query_.function && module.empty())
        for (const KnownGlobal& known : known_globals) near.consider(known.name);
    const std::vector<std::string> names = std::move(near).take();
    std::string remedy = names.empty() ? "" : fmt::format("near names: {}; ", fmt::join(names, ", "));
    if (!query_.function && symbols_->hides_data())
        return arm_error(find_tried(expression),
                         "this kernel hides data symbols (it is built without KALLSYMS_ALL)",
                         remedy + "give System.map or vmlinux with --vmlinux, a function that uses it with "
                                  "--via, or an --object");
    return arm_error(find_tried(expression),
                     "neither the kernel nor a loaded module has a symbol of that name",
                     remedy + "is its module loaded?");
}

Result<Target> KernelResolver::typed(const Target& target, const std::string& type,
                                     const SymbolExpression& expression) {
    auto known = types(expression.module == "vmlinux" ? "" : expression.module);
    if (!known) return std::move(known).error();
    auto id = (*known)->find(type);
    if (!id) return std::move(id).error();
    auto resolved = place(target.name, target.address, *id, false, expression.path, **known);
    if (!resolved) return resolved;
    if (resolved->note.empty())
        resolved->note = target.note;
    else if (!target.note.empty())
        resolved->note += "; " + target.note;
    return resolved;
}

// No type: the width is asked for, or the room until the next symbol where that can be one variable.
Result<Target> KernelResolver::untyped(Target target, const SymbolExpression& expression) {
    if (!expression.path.empty())
        return arm_error(fmt::format("follow the path in '{}'", expression.text),
                         "BTF does not tell this symbol's type", "say it: --type 'struct NAME'");
    target.size = query_.length.value_or(0);
    if (target.size != 0) return target;
    const auto next = symbols_ ? symbols_->next_start(target.address) : std::nullopt;
    const std::uint64_t room = next ? *next - target.address : 0;
    if (room != 1 && room != 2 && room != 4 && room != 8)
        return arm_error(
            fmt::format("tell the width of '{}'", expression.text),
            room == 0 ? std::string("neither its type nor a symbol after it is known")
                      : fmt::format("its type is unknown and the next symbol begins {} bytes on", room),
            "say it: --len 1, 2, 4 or 8, or --type 'unsigned int'");
    target.size = room;
    return target;
}

} // namespace stakeout
