#include "report/page_stacks.h"

namespace stakeout {

PageStacks::PageStacks(const Report& report)
    : report_(report), frame_numbers_(report.frames.size(), -1), stack_numbers_(report.stacks.size(), -1) {
    for (const Writer& writer : report.writers) take(writer.stack);
    for (const ReportRow& row : report.rows) take(row.stack);
}

void PageStacks::take(std::uint32_t stack) {
    if (stack >= stack_numbers_.size() || stack_numbers_[stack] >= 0) return;
    const ReportStack& one = report_.stacks[stack];
    if (references_ + one.kernel.size() + one.user.size() > most_references) return;
    if (!take_frames(one.kernel) || !take_frames(one.user)) return;
    references_ += one.kernel.size() + one.user.size();
    stack_numbers_[stack] = static_cast<std::int64_t>(stacks_.size());
    stacks_.push_back(stack);
}

bool PageStacks::take_frames(const std::vector<std::uint32_t>& frames) {
    for (const std::uint32_t number : frames) {
        if (number >= frame_numbers_.size()) return false;
        if (frame_numbers_[number] >= 0) continue;
        const ReportFrame& frame = report_.frames[number];
        const std::size_t text = frame.symbol.size() + frame.module.size() + frame.where.size() + 24;
        if (text_ + text > most_text) return false;
        text_ += text;
        frame_numbers_[number] = static_cast<std::int64_t>(frames_.size());
        frames_.push_back(number);
    }
    return true;
}

std::int64_t PageStacks::number_of(std::uint32_t stack) const {
    return stack < stack_numbers_.size() ? stack_numbers_[stack] : -1;
}

void PageStacks::write_numbers(JsonWriter& into, const char* key,
                               const std::vector<std::uint32_t>& frames) const {
    into.begin_list(key);
    for (const std::uint32_t frame : frames)
        into.number({}, static_cast<std::uint64_t>(frame_numbers_[frame]));
    into.end_list();
}

void PageStacks::write(JsonWriter& into) const {
    into.begin_list("frames");
    for (const std::uint32_t number : frames_) {
        const ReportFrame& frame = report_.frames[number];
        into.begin_object();
        into.text("s", frame.symbol);
        if (!frame.module.empty()) into.text("m", frame.module);
        if (!frame.where.empty()) into.text("f", frame.where);
        into.end_object();
    }
    into.end_list();
    into.begin_list("stacks");
    for (const std::uint32_t number : stacks_) {
        into.begin_object();
        write_numbers(into, "k", report_.stacks[number].kernel);
        write_numbers(into, "u", report_.stacks[number].user);
        into.end_object();
    }
    into.end_list();
}

} // namespace stakeout
