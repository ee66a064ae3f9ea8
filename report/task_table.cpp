#include "report/task_table.h"

#include "report/string_pool.h"
#include "report/text_hash.h"

namespace stakeout {

std::uint32_t TaskTable::number_of(std::string_view comm, std::uint32_t pid, std::uint32_t tid) {
    const std::uint64_t who = static_cast<std::uint64_t>(pid) << 32U | tid;
    const std::uint64_t hash = hash_of(comm, hash_of(who, hash_seed()));
    std::uint32_t number = 0;
    if (const auto found = numbers_.find(hash); found != numbers_.end()) {
        number = found->second;
    } else if (tasks_.size() <= most_tasks) {
        number = static_cast<std::uint32_t>(tasks_.size());
        tasks_.push_back({clipped(comm, 64), pid, tid, 0});
        numbers_.emplace(hash, number);
    }
    ++tasks_[number].hits;
    return number;
}

} // namespace stakeout
