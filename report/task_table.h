// Tasks by number, with their hits. A task is a thread under one name: after exec() it is another.
#pragma once

#include "report/report.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace stakeout {

class TaskTable {
  public:
    // A fork bomb has tasks without end: the first so many are kept apart, all others are the task 0.
    static constexpr std::size_t most_tasks = 20'000;

    TaskTable() : tasks_{{"(other tasks)", 0, 0, 0}} {}
    // Counts a hit of it.
    std::uint32_t number_of(std::string_view comm, std::uint32_t pid, std::uint32_t tid);
    [[nodiscard]] const std::vector<TaskHits>& tasks() const { return tasks_; }
    [[nodiscard]] std::uint64_t known() const { return tasks_.size() - 1; }
    [[nodiscard]] bool is_complete() const { return tasks_.front().hits == 0; }

  private:
    std::vector<TaskHits> tasks_;
    std::unordered_map<std::uint64_t, std::uint32_t> numbers_;
};

} // namespace stakeout
