#include "report/writer_table.h"

#include "report/stack_table.h"
#include "report/string_pool.h"
#include "report/text_hash.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace stakeout {
namespace {

// Without a name, code of the same module at the same place in a page is taken for the same: where a module
// is mapped differs from process to process, by whole pages.
constexpr std::uint64_t page_mask = 0xfff;

std::uint64_t writer_hash(const Hit& hit) {
    std::uint64_t hash = hash_seed() + static_cast<std::uint64_t>(hit.access);
    if (hit.instruction) hash = hash_of(hit.instruction->text, hash);
    const Frame* frame = accessing_frame(hit);
    if (frame == nullptr) return hash_of(hit.ip, hash);
    if (!frame->symbol.empty() || frame->module.empty()) return hash_of(*frame, hash);
    return hash_of(frame->ip & page_mask, hash_of(frame->module, hash));
}

std::uint64_t change_hash(const Hit& hit) {
    return hash_of(hit.new_value, hash_of(hit.old_value, hash_seed() + hit.target_index));
}

Writer described(const Hit& hit, std::uint64_t t_us) {
    Writer writer;
    writer.function = function_name(hit);
    if (const Frame* frame = accessing_frame(hit)) {
        writer.module = clipped(frame->module);
        writer.where = frame_place(*frame);
    }
    if (hit.instruction) writer.instruction = clipped(hit.instruction->text, 128);
    writer.access = hit.access;
    writer.first_us = t_us;
    return writer;
}

} // namespace

const Frame* accessing_frame(const Hit& hit) {
    const bool mode_known = !hit.guest || hit.guest->mode_known;
    if (mode_known && hit.user_mode) return hit.user_stack.empty() ? nullptr : &hit.user_stack.front();
    if (!hit.kernel_stack.empty()) return &hit.kernel_stack.front();
    return mode_known || hit.user_stack.empty() ? nullptr : &hit.user_stack.front();
}

std::string function_name(const Hit& hit) {
    const Frame* frame = accessing_frame(hit);
    if (frame != nullptr && !frame->symbol.empty()) return clipped(frame->symbol);
    if (frame != nullptr) return fmt::format("{:#x}", frame->ip);
    return !hit.guest || hit.guest->ip_known ? fmt::format("{:#x}", hit.ip) : std::string("(unknown)");
}

std::size_t WriterTable::add(const Hit& hit, std::uint64_t t_us, std::uint32_t task, std::uint32_t stack) {
    const std::uint64_t hash = writer_hash(hit);
    auto found = numbers_.find(hash);
    if (found == numbers_.end()) {
        if (entries_.size() == most_writers) {
            ++hits_of_none_;
            return most_writers;
        }
        found = numbers_.emplace(hash, static_cast<std::uint32_t>(entries_.size())).first;
        entries_.push_back({described(hit, t_us)});
        const Writer& writer = entries_.back().writer;
        functions_.insert(hash_of(writer.module, hash_of(writer.function, hash_seed())));
    }
    Entry& entry = entries_[found->second];
    ++entry.writer.hits;
    entry.writer.first_us = std::min(entry.writer.first_us, t_us);
    entry.writer.last_us = std::max(entry.writer.last_us, t_us);
    if (stack != no_stack) entry.writer.stack = stack;
    if (hit.width != 0 && (hit.old_value || hit.new_value)) {
        entry.changes.add(change_hash(hit), hit.target_index, hit.old_value, hit.new_value);
        if (!entry.writer.last) entry.writer.last.emplace();
        entry.writer.last->target = hit.target_index;
        entry.writer.last->old_value = hit.old_value;
        entry.writer.last->new_value = hit.new_value;
    }
    count_task(found->second, task);
    return found->second;
}

void WriterTable::count_task(std::uint32_t writer, std::uint32_t task) {
    const std::uint64_t key = static_cast<std::uint64_t>(writer) << 32U | task;
    if (const auto found = pair_numbers_.find(key); found != pair_numbers_.end()) {
        ++pairs_[found->second].hits;
        return;
    }
    if (pairs_.size() == most_pairs) {
        entries_[writer].tasks_are_complete = false;
        return;
    }
    pair_numbers_.emplace(key, static_cast<std::uint32_t>(pairs_.size()));
    pairs_.push_back({writer, task, 1});
    ++entries_[writer].writer.tasks_total;
}

void WriterTable::add_tasks(std::vector<Writer>& to, const std::vector<std::uint32_t>& order,
                            const TaskTable& tasks) const {
    constexpr std::uint32_t nowhere = UINT32_MAX;
    std::vector<std::uint32_t> place(entries_.size(), nowhere);
    for (std::size_t i = 0; i < to.size(); ++i) place[order[i]] = static_cast<std::uint32_t>(i);
    for (const Pair& pair : pairs_) {
        if (place[pair.writer] == nowhere) continue;
        TaskHits task = tasks.tasks()[pair.task];
        task.hits = pair.hits;
        to[place[pair.writer]].tasks.push_back(std::move(task));
    }
    for (Writer& writer : to) {
        std::stable_sort(writer.tasks.begin(), writer.tasks.end(),
                         [](const TaskHits& a, const TaskHits& b) { return a.hits > b.hits; });
        if (writer.tasks.size() > tasks_shown) writer.tasks.resize(tasks_shown);
    }
}

std::vector<Writer> WriterTable::most_frequent(std::size_t count, const TaskTable& tasks) const {
    std::vector<std::uint32_t> order(entries_.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [this](std::uint32_t a, std::uint32_t b) {
        return entries_[a].writer.hits > entries_[b].writer.hits;
    });
    if (order.size() > count) order.resize(count);
    std::vector<Writer> writers;
    writers.reserve(order.size());
    for (const std::uint32_t number : order) {
        writers.push_back(entries_[number].writer);
        writers.back().changes = entries_[number].changes.most_frequent(changes_shown);
        writers.back().tasks_at_least = !entries_[number].tasks_are_complete;
    }
    add_tasks(writers, order, tasks);
    return writers;
}

const std::string& WriterTable::function(std::size_t number) const {
    static const std::string none = "(other)";
    return number < entries_.size() ? entries_[number].writer.function : none;
}

} // namespace stakeout
