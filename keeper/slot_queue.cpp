#include "keeper/slot_queue.h"

#include "base/monotonic_clock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace stakeout {
namespace {

constexpr std::string_view ticket_end = ".ticket";

bool is_alive(const std::string& path) {
    const OwnedFd lock(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    return lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0;
}

} // namespace

Result<SlotQueue> SlotQueue::join() {
    auto folder = RunFolder::open();
    if (!folder) return std::move(folder).error();
    // Names sort by the time they were made; CLOCK_MONOTONIC begins anew with the folder, at boot.
    const std::string ticket = fmt::format("{:020}-{}{}", monotonic_ns(), ::getpid(), ticket_end);
    const std::string path = folder->path() + "/" + ticket;
    OwnedFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
        return arm_error("queue for a slot", path + " cannot be made", "", errno);
    return SlotQueue(folder->path(), ticket, std::move(lock));
}

SlotQueue::~SlotQueue() {
    if (lock_) ::unlink((folder_ + "/" + ticket_).c_str());
}

std::size_t SlotQueue::ahead() const {
    std::size_t before = 0;
    std::error_code error;
    for (auto entry = std::filesystem::directory_iterator(folder_, error);
         !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        const std::string file = entry->path().filename().string();
        if (!file.ends_with(ticket_end) || file >= ticket_) continue;
        if (is_alive(entry->path().string()))
            ++before;
        else
            ::unlink(entry->path().c_str());
    }
    return before;
}

} // namespace stakeout
