// Who made the accesses: one row an instruction, wherever its program is mapped.
#pragma once

#include "report/frequent_changes.h"
#include "report/report.h"
#include "report/task_table.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace stakeout {

// The frame that made the access; nullptr: no stack is known.
const Frame* accessing_frame(const Hit& hit);
// What to call it: its symbol, its address, or "(unknown)".
std::string function_name(const Hit& hit);

class WriterTable {
  public:
    static constexpr std::size_t most_writers = 4096;
    static constexpr std::size_t most_pairs = 50'000; // of a writer and one of its tasks
    static constexpr std::size_t changes_kept = 32;   // of each
    static constexpr std::size_t changes_shown = 5, tasks_shown = 8;

    // The number of the hit's writer; most_writers: of none, there are too many.
    std::size_t add(const Hit& hit, std::uint64_t t_us, std::uint32_t task, std::uint32_t stack);
    // Most hits first.
    [[nodiscard]] std::vector<Writer> most_frequent(std::size_t count, const TaskTable& tasks) const;
    [[nodiscard]] const std::string& function(std::size_t number) const;
    [[nodiscard]] std::uint64_t functions() const { return functions_.size(); }
    [[nodiscard]] std::uint64_t size() const { return entries_.size(); }
    [[nodiscard]] std::uint64_t hits_of_none() const { return hits_of_none_; }

  private:
    struct Entry {
        Writer writer;
        FrequentChanges changes{changes_kept};
        bool tasks_are_complete = true;
    };
    struct Pair {
        std::uint32_t writer = 0, task = 0;
        std::uint64_t hits = 0;
    };
    void count_task(std::uint32_t writer, std::uint32_t task);
    void add_tasks(std::vector<Writer>& to, const std::vector<std::uint32_t>& order,
                   const TaskTable& tasks) const;

    std::vector<Entry> entries_;
    std::vector<Pair> pairs_;
    std::unordered_map<std::uint64_t, std::uint32_t> numbers_, pair_numbers_;
    std::unordered_set<std::uint64_t> functions_;
    std::uint64_t hits_of_none_ = 0;
};

} // namespace stakeout
