#include "scripts/refcount/counter.h"

#include <charconv>
#include <cstring>

namespace stakeout {
namespace {

constexpr std::uint64_t enough_to_know = 3;
constexpr std::uint64_t most_by_instruction = 1024;

// A plain store may write any value; read-modify-write instructions only add.
bool is_store(const Hit& hit) { return hit.instruction && hit.instruction->text.starts_with("mov"); }

// "lock add dword ptr [rdi], 0x01", "lock inc ...": what this instruction always does. Exchanges do not tell.
std::optional<std::int64_t> step_of_instruction(const Hit& hit) {
    if (!hit.instruction) return std::nullopt;
    std::string_view text = hit.instruction->text;
    if (text.starts_with("lock ")) text.remove_prefix(5);
    if (text.starts_with("inc ")) return 1;
    if (text.starts_with("dec ")) return -1;
    const bool adds = text.starts_with("add ");
    if (!adds && !text.starts_with("sub ")) return std::nullopt;
    const std::size_t comma = text.rfind(", ");
    if (comma == std::string_view::npos) return std::nullopt;
    std::string_view operand = text.substr(comma + 2);
    const bool negative = operand.starts_with('-');
    if (negative) operand.remove_prefix(1);
    if (!operand.starts_with("0x")) return std::nullopt; // a register
    operand.remove_prefix(2);
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(operand.data(), operand.data() + operand.size(), number, 16);
    if (parsed.ec != std::errc() || number > most_by_instruction) {
        // "add ..., 0xFFFFFFFF" is a step of -1 in the operand's width
        const std::uint64_t up = hit.width == 4 ? (std::uint64_t{1} << 32U) - number : 0 - number;
        if (parsed.ec != std::errc() || up > most_by_instruction) return std::nullopt;
        return adds ? -static_cast<std::int64_t>(up) : static_cast<std::int64_t>(up);
    }
    const auto step = static_cast<std::int64_t>(number);
    return adds != negative ? step : -step;
}

} // namespace

std::optional<std::int64_t> counter_value(const std::optional<Value>& value) {
    if (!value || value->bytes.empty() || value->bytes.size() > 8) return std::nullopt;
    std::uint64_t bits = 0;
    std::memcpy(&bits, value->bytes.data(), value->bytes.size());
    const auto unused = static_cast<unsigned>(64 - 8 * value->bytes.size());
    return static_cast<std::int64_t>(bits << unused) >> unused;
}

CountKind kind_of_type(std::string_view type) {
    return type.find("refcount") != std::string_view::npos || type.find("kref") != std::string_view::npos
               ? CountKind::Refcount
               : CountKind::Count;
}

CountStep Counter::step(const Hit& hit) {
    CountStep step;
    const auto from = counter_value(hit.old_value);
    const auto to = counter_value(hit.new_value);
    if (!from || !to) return step;
    step.from = *from;
    step.to = *to;
    Habit& habit = habits_[hit.ip];
    std::int64_t by = *to - *from;
    step.saturated = kind_ == CountKind::Refcount && *to <= refcount_saturated + most_at_once && *to < 0;
    step.below_zero = *to < 0;
    if (step.saturated && *from <= 0 && *from > refcount_saturated + most_at_once)
        by = *from == 0 && habit.puts == 0 && habit.gets != 0 ? 1
                                                              : -1; // the kernel's own store after a bad step
    else if (step.saturated)
        return step; // it stays where it is, whoever comes
    if (const auto known = step_of_instruction(hit)) {
        by = *known;
    } else if (by != 1 && by != -1) {
        if (habit.gets >= enough_to_know && habit.puts == 0) by = 1;
        if (habit.puts >= enough_to_know && habit.gets == 0) by = -1;
    }
    if (by == 0) return step; // a compare-and-exchange that failed
    if (by > most_at_once || by < -most_at_once) {
        step.kind = CountStep::Kind::Set;
        return step;
    }
    // A store of 1 over 0 is a counter's birth, unless the same instruction adds at other times.
    const bool is_birth =
        kind_ == CountKind::Refcount && *from == 0 && *to > 0 && is_store(hit) && !habit.from_above_zero;
    if (is_birth) {
        step.kind = CountStep::Kind::Set;
        return step;
    }
    step.kind = by > 0 ? CountStep::Kind::Get : CountStep::Kind::Put;
    step.references = static_cast<std::uint64_t>(by > 0 ? by : -by);
    step.from_zero = by > 0 && *from == 0 && *to == by; // another's step in between is none of ours
    if (by == 1) ++habit.gets;
    if (by == -1) ++habit.puts;
    habit.from_above_zero = habit.from_above_zero || (by > 0 && *from > 0);
    return step;
}

} // namespace stakeout
