#include "report/stack_table.h"

#include "report/string_pool.h"
#include "report/text_hash.h"

#include <fmt/format.h>

namespace stakeout {

std::string frame_label(const Frame& frame) {
    return frame.symbol.empty() ? fmt::format("{:#x}", frame.ip)
                                : fmt::format("{}+{:#x}", clipped(frame.symbol), frame.offset);
}

std::string frame_place(const Frame& frame) {
    return frame.file.empty() ? std::string() : fmt::format("{}:{}", clipped(frame.file), frame.line);
}

bool StackTable::add_frames(const std::vector<Frame>& stack, std::vector<std::uint32_t>& to) {
    to.reserve(stack.size());
    for (const Frame& frame : stack) {
        const auto next = static_cast<std::uint32_t>(frames_.size());
        const auto [place, is_new] = frame_numbers_.try_emplace(hash_of(frame, hash_seed()), next);
        if (is_new) {
            if (frames_.size() == most_frames) {
                frame_numbers_.erase(place);
                return false;
            }
            frames_.push_back({frame_label(frame), clipped(frame.module), frame_place(frame)});
        }
        to.push_back(place->second);
    }
    return true;
}

std::uint32_t StackTable::number_of(const Hit& hit) {
    if (hit.kernel_stack.empty() && hit.user_stack.empty()) return no_stack;
    std::uint64_t hash = hash_seed();
    for (const Frame& frame : hit.kernel_stack) hash = hash_of(frame, hash);
    hash = hash_of(std::uint64_t{hit.kernel_stack.size()}, hash);
    for (const Frame& frame : hit.user_stack) hash = hash_of(frame, hash);
    if (const auto found = stack_numbers_.find(hash); found != stack_numbers_.end()) {
        ++stacks_[found->second].hits;
        return found->second;
    }
    if (stacks_.size() == most_stacks) return no_stack;
    ReportStack stack;
    stack.hits = 1;
    if (!add_frames(hit.kernel_stack, stack.kernel) || !add_frames(hit.user_stack, stack.user))
        return no_stack;
    const auto number = static_cast<std::uint32_t>(stacks_.size());
    stacks_.push_back(std::move(stack));
    stack_numbers_.emplace(hash, number);
    return number;
}

} // namespace stakeout
