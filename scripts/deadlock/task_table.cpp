#include "scripts/deadlock/task_table.h"

#include "base/text_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace stakeout {
namespace {

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    while (true) {
        const std::size_t start = text.find_first_not_of(" \n");
        if (start == std::string_view::npos) return words;
        text.remove_prefix(start);
        const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
        words.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
}

template <class Number>
Number number_in(std::string_view word, int base) {
    if (base == 16 && word.starts_with("0x")) word.remove_prefix(2);
    Number number = 0;
    std::from_chars(word.data(), word.data() + word.size(), number, base);
    return number;
}

} // namespace

Result<TaskTable> TaskTable::read() {
    auto found = find_tasks();
    if (!found) return std::move(found).error();
    TaskTable table;
    table.tasks_ = std::move(*found);
    for (std::size_t i = 0; i < table.tasks_.size(); ++i) {
        table.by_tid_.emplace(table.tasks_[i].tid, i);
        table.by_address_.emplace(table.tasks_[i].task, i);
        if (table.tasks_[i].stack != 0) table.stacks_.push_back(table.tasks_[i].stack);
    }
    std::sort(table.stacks_.begin(), table.stacks_.end());
    return table;
}

const so_task* TaskTable::by_tid(std::uint32_t tid) const {
    const auto found = by_tid_.find(tid);
    return found == by_tid_.end() ? nullptr : &tasks_[found->second];
}

const so_task* TaskTable::by_address(std::uint64_t task) const {
    const auto found = by_address_.find(task);
    return found == by_address_.end() ? nullptr : &tasks_[found->second];
}

bool TaskTable::on_a_stack(std::uint64_t address) const {
    const auto after = std::upper_bound(stacks_.begin(), stacks_.end(), address);
    return after != stacks_.begin() && address - *std::prev(after) < kernel_stack_bytes;
}

std::vector<std::uint32_t> TaskTable::threads_of(std::uint32_t pid) const {
    std::vector<std::uint32_t> threads;
    for (const so_task& task : tasks_)
        if (task.tgid == pid) threads.push_back(task.tid);
    return threads;
}

TaskName name_of(const so_task& task) { return {task.tid, task.tgid, task.comm}; }

std::optional<SleepingCall> parse_sleeping_call(std::string_view text) {
    const auto words = words_of(text);
    if (words.size() != 9 && words.size() != 3) return std::nullopt; // "running"
    SleepingCall call;
    call.number = number_in<long>(words[0], 10);
    if (words.size() == 9)
        for (std::size_t i = 0; i < 6; ++i) call.arguments[i] = number_in<std::uint64_t>(words[i + 1], 16);
    call.sp = number_in<std::uint64_t>(words[words.size() - 2], 16);
    call.pc = number_in<std::uint64_t>(words[words.size() - 1], 16);
    return call;
}

std::optional<SleepingCall> sleeping_call(std::uint32_t tid) {
    const auto text = read_text_file(fmt::format("/proc/{}/syscall", tid));
    if (!text) return std::nullopt;
    return parse_sleeping_call(*text);
}

std::vector<Frame> parse_kernel_stack(std::string_view text) {
    std::vector<Frame> frames;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const auto words = words_of(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (words.size() < 2) continue;
        Frame frame;
        const std::size_t plus = words[1].find('+');
        frame.symbol = words[1].substr(0, plus);
        if (plus != std::string_view::npos) {
            const std::string_view offset = words[1].substr(plus + 1);
            frame.offset = number_in<std::uint64_t>(offset.substr(0, offset.find('/')), 16);
        }
        if (words.size() > 2 && words[2].starts_with('[') && words[2].ends_with(']'))
            frame.module = words[2].substr(1, words[2].size() - 2);
        frames.push_back(std::move(frame));
    }
    return frames;
}

std::vector<Frame> kernel_stack_of(std::uint32_t tid) {
    const auto text = read_text_file(fmt::format("/proc/{}/stack", tid));
    return text ? parse_kernel_stack(*text) : std::vector<Frame>();
}

TaskState state_of(std::uint32_t tid) {
    const auto text = read_text_file(fmt::format("/proc/{}/stat", tid));
    if (!text) return {};
    const std::size_t after_name = text->rfind(')');
    if (after_name == std::string::npos) return {};
    const auto words = words_of(std::string_view(*text).substr(after_name + 1));
    TaskState state;
    if (!words.empty()) state.state = words[0].front();
    constexpr std::size_t processor = 36; // field 39 of proc(5), the state being field 3
    if (words.size() > processor) state.cpu = number_in<int>(words[processor], 10);
    return state;
}

} // namespace stakeout
