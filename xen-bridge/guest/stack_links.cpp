#include "xen-bridge/guest/stack_links.h"

#include "watchpoints/hit/disassembler.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

namespace stakeout {
namespace {

constexpr std::size_t call_bytes = 5;              // E8 and a distance of 32 bits
constexpr std::uint64_t most_code = 32768;         // of one function
constexpr std::size_t most_code_in_all = 4U << 20; // a guest's stack may hold anything
// x64_sys_call jumps to __x64_sys_write, which jumps to ksys_write.
constexpr int longest_tail = 3;
constexpr std::size_t most_jumps = 1'000'000;
constexpr int surely = 1, perhaps = -1;

std::int32_t distance_at(std::span<const std::uint8_t> bytes) {
    std::int32_t distance = 0;
    std::memcpy(&distance, bytes.data(), sizeof distance);
    return distance;
}

} // namespace

std::optional<std::uint64_t> StackLinks::function_of(std::uint64_t address) const {
    const auto symbol = symbols_.containing(address);
    if (!symbol) return std::nullopt;
    if (const std::size_t cold = symbol->name.find(".cold"); cold != std::string_view::npos)
        if (const auto whole = symbols_.find(symbol->name.substr(0, cold)); whole.size() == 1)
            return whole.front().address;
    return symbol->address;
}

bool StackLinks::is_entry(std::uint64_t address) const {
    // arch/x86/entry, arch/x86/kernel/head_64.S, arch/x86/xen
    static constexpr std::array<std::string_view, 8> prefixes{
        "entry_",     "asm_",     "ret_from_fork", "secondary_startup_64", "x86_64_start_kernel",
        "xen_entry_", "xen_asm_", "rest_init"}; // the text of rest_init's callers is freed
    const auto symbol = symbols_.containing(address - 1);
    return symbol && std::any_of(prefixes.begin(), prefixes.end(),
                                 [&](std::string_view prefix) { return symbol->name.starts_with(prefix); });
}

// Code that jumps on to wherever a register or a patched jump says: retpolines and static calls.
bool StackLinks::is_trampoline(std::uint64_t target) const {
    const auto symbol = symbols_.containing(target);
    return symbol && (symbol->name.find("x86_indirect_") != std::string_view::npos ||
                      symbol->name.starts_with("__SCT__"));
}

const StackLinks::Jumps& StackLinks::jumps_of(std::uint64_t function) {
    const auto [known, is_new] = jumps_.try_emplace(function);
    Jumps& jumps = known->second;
    const auto disassembler = Disassembler::get();
    const std::uint64_t end =
        std::min(symbols_.next_start(function).value_or(function), function + most_code);
    if (!is_new || !disassembler || end <= function || code_bytes_ > most_code_in_all) return jumps;
    std::vector<std::uint8_t> bytes(end - function);
    bytes.resize(std::min(code_(function, bytes), bytes.size()));
    code_bytes_ += bytes.size();
    for (std::size_t at = 0; at < bytes.size();) {
        const auto rest = std::span<const std::uint8_t>(bytes).subspan(at);
        const std::size_t length = (*disassembler)->length(rest);
        if (length == 0) break;
        const bool jump = length == 5 && rest[0] == 0xe9;
        const bool conditional = length == 6 && rest[0] == 0x0f && (rest[1] & 0xf0) == 0x80;
        at += length;
        if (!jump && !conditional) continue;
        const auto distance = static_cast<std::uint64_t>(std::int64_t{distance_at(rest.subspan(length - 4))});
        const std::uint64_t target = function + at + distance;
        if (target >= function && target < end) continue;
        if (is_trampoline(target))
            jumps.anywhere = true;
        else if (const auto symbol = symbols_.containing(target); symbol && symbol->address == target)
            jumps.targets.push_back(target);
    }
    std::sort(jumps.targets.begin(), jumps.targets.end());
    jumps.targets.erase(std::unique(jumps.targets.begin(), jumps.targets.end()), jumps.targets.end());
    return jumps;
}

std::optional<int> StackLinks::jump(std::uint64_t from, std::uint64_t function, int depth) {
    std::optional<int> best;
    if (++jumps_tried_ > most_jumps) return best;
    const Jumps& jumps = jumps_of(from);
    if (jumps.anywhere) best = perhaps;
    for (const std::uint64_t target : jumps.targets) {
        if (target == function) return surely;
        const auto further = depth > 1 ? jump(target, function, depth - 1) : std::nullopt;
        if (further == surely) return surely;
        if (further) best = further;
    }
    return best;
}

StackLinks::Call StackLinks::call_before(std::uint64_t return_address) const {
    Call call;
    call.return_address = return_address;
    call.caller = function_of(return_address - 1);
    call.entry = is_entry(return_address);
    std::array<std::uint8_t, call_bytes> bytes{};
    if (code_(return_address - call_bytes, bytes) != bytes.size() || bytes[0] != 0xe8) return call;
    const std::uint64_t target =
        return_address + static_cast<std::uint64_t>(std::int64_t{distance_at(std::span(bytes).subspan(1))});
    // What is no start of a function was not called in this form; a trampoline leads anywhere.
    const auto called = symbols_.containing(target);
    if (called && called->address == target && !is_trampoline(target)) call.target = target;
    return call;
}

std::optional<int> StackLinks::link(const Call& call, std::uint64_t function) {
    if (!call.target) return perhaps;
    if (*call.target == function) return surely;
    return jump(*call.target, function, longest_tail);
}

std::optional<std::pair<int, std::size_t>> StackLinks::best_caller(const std::vector<Call>& calls,
                                                                   std::size_t from, std::uint64_t function) {
    std::optional<std::pair<int, std::size_t>> best;
    for (std::size_t i = from; i < calls.size(); ++i) {
        if (!calls[i].score || (best && surely + *calls[i].score <= best->first)) continue;
        const auto how = link(calls[i], function);
        if (how && (!best || *how + *calls[i].score > best->first)) best = {*how + *calls[i].score, i};
    }
    return best;
}

std::vector<std::uint64_t> StackLinks::chain(std::uint64_t ip, std::span<const std::uint64_t> candidates) {
    std::vector<Call> calls;
    for (const std::uint64_t candidate : candidates) calls.push_back(call_before(candidate));
    for (std::size_t i = calls.size();
         i-- > 0;) { // from the outermost inwards: what lies behind is known then
        Call& call = calls[i];
        if (call.entry) {
            call.score = 0;
        } else if (call.caller) {
            const auto best = best_caller(calls, i + 1, *call.caller);
            if (!best) continue;
            call.score = best->first;
            call.next = best->second;
        }
    }
    const auto function = function_of(ip);
    const auto first = function ? best_caller(calls, 0, *function) : std::nullopt;
    std::vector<std::uint64_t> found;
    for (std::size_t i = first ? first->second : calls.size(); i < calls.size(); i = calls[i].next) {
        found.push_back(calls[i].return_address);
        if (calls[i].entry) break;
    }
    return found;
}

} // namespace stakeout
