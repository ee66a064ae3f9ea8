#include "scripts/stomp/overrun.h"

#include "scripts/stomp/writer.h"

#include <fmt/format.h>

#include <charconv>
#include <vector>

namespace stakeout {
namespace {

// "[rdx+rax*8-0x10]" in Zydis' Intel syntax: what stands between the brackets, split at + and -.
struct Operand {
    std::string base, index;
};

std::optional<Operand> destination(std::string_view instruction) {
    const std::size_t open = instruction.find('[');
    const std::size_t comma = instruction.find(',');
    if (open == std::string_view::npos || (comma != std::string_view::npos && comma < open))
        return std::nullopt;
    const std::size_t close = instruction.find(']', open);
    if (close == std::string_view::npos) return std::nullopt;
    Operand operand;
    std::string_view rest = instruction.substr(open + 1, close - open - 1);
    while (!rest.empty()) {
        const std::size_t end = rest.find_first_of("+-");
        const std::string_view term = rest.substr(0, end);
        const std::size_t star = term.find('*');
        if (star != std::string_view::npos)
            operand.index = term.substr(0, star);
        else if (!term.empty() && term.front() == 'r' && operand.base.empty())
            operand.base = term;
        else if (!term.empty() && term.front() == 'r')
            operand.index = term;
        rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    }
    return operand;
}

bool is_repeated(std::string_view instruction) { return instruction.starts_with("rep"); }

// The element size of a string instruction: "rep stosq qword ptr [rdi], rax".
std::uint64_t element_bytes(std::string_view instruction) {
    if (instruction.find("qword") != std::string_view::npos ||
        instruction.find("stosq") != std::string_view::npos ||
        instruction.find("movsq") != std::string_view::npos)
        return 8;
    if (instruction.find("dword") != std::string_view::npos) return 4;
    return instruction.find("word") != std::string_view::npos ? 2 : 1;
}

// The first argument of a copy, where its code keeps it. Kernel: memcpy and memmove return it (rax), memset
// keeps it in r9, memset_orig in r10 (arch/x86/lib/mem*_64.S); glibc: all return it and set rax first
// (sysdeps/x86_64/multiarch).
std::optional<std::pair<std::uint64_t, std::string_view>> first_argument(const Hit& hit,
                                                                         std::string_view function) {
    const bool fills = function.find("memset") != std::string_view::npos;
    for (const char* name : {"rax", "r9", "r10"}) {
        if (fills && !hit.user_mode && std::string_view(name) == "rax") continue;
        const auto value = register_value(hit, name);
        // Near the target and not behind it: else the register has another use in this variant.
        if (value && *value <= hit.address && hit.address - *value < (std::uint64_t{1} << 24U))
            return std::pair(*value, name);
    }
    return std::nullopt;
}

std::optional<std::uint64_t> repeated_end(const Hit& hit) {
    if (!hit.instruction || !is_repeated(hit.instruction->text)) return std::nullopt;
    const auto at = register_value(hit, "rdi");
    const auto left = register_value(hit, "rcx");
    if (!at || !left || *left > (std::uint64_t{1} << 32U)) return std::nullopt;
    return *at + *left * element_bytes(hit.instruction->text);
}

} // namespace

std::optional<std::uint64_t> register_value(const Hit& hit, std::string_view name) {
    if (!hit.says || name.size() < 2 || name.front() != 'r') return std::nullopt;
    const bool numbered = name[1] >= '0' && name[1] <= '9';
    const std::string_view field = numbered ? name : name.substr(1);
    for (const ScriptField& one : hit.says->fields)
        if (one.name == field) return one.number;
    return std::nullopt;
}

std::optional<StoreOrigin> store_origin(const Hit& hit) {
    const std::vector<Frame>& stack = hit.user_mode ? hit.user_stack : hit.kernel_stack;
    const auto end = repeated_end(hit);
    if (!stack.empty() && is_copy_primitive(stack.front().symbol)) {
        const auto argument = first_argument(hit, stack.front().symbol);
        if (!argument) return std::nullopt;
        return StoreOrigin{
            argument->first, end, StoreOrigin::Kind::Copy,
            fmt::format("{} was told to write from there on ({})", stack.front().symbol, argument->second)};
    }
    if (!hit.instruction || is_repeated(hit.instruction->text))
        return std::nullopt; // an inlined rep: its start is gone
    const auto operand = destination(hit.instruction->text);
    // The base is the array or the structure. With an index alone ("[rax*8+0x404040]") it is a constant of
    // the code.
    if (!operand || operand->base.empty() || operand->base == "rsp" || operand->base == "rbp")
        return std::nullopt;
    const auto base = register_value(hit, operand->base);
    if (!base) return std::nullopt;
    return StoreOrigin{*base, std::nullopt, StoreOrigin::Kind::Indexed,
                       fmt::format("the store is {} there ({})",
                                   operand->index.empty() ? "relative to" : "indexed from", operand->base)};
}

} // namespace stakeout
