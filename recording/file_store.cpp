#include "recording/file_store.h"

#include "recording/limits.h"

#include <fmt/format.h>

#include <csignal>
#include <cstring>
#include <system_error>

namespace stakeout {
namespace {

// Room that a block may need, with what compressing makes longer and what the last hit brings.
constexpr std::uint64_t block_room = recording_limits::block_bytes + (std::uint64_t{64} << 10U);

// Signals are the main thread's, but for those that a thread brings on itself.
class SignalsBlocked {
  public:
    SignalsBlocked() {
        sigset_t all;
        ::sigfillset(&all);
        for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) ::sigdelset(&all, own);
        ::pthread_sigmask(SIG_BLOCK, &all, &before_);
    }
    ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

  private:
    sigset_t before_{};
};

} // namespace

Result<std::unique_ptr<FileStore>> FileStore::open(const FileStoreOptions& options) {
    if (options.max_size < least_size)
        return usage_error("record to " + options.path, "its files may have less than 1 MiB each",
                           "give them more");
    auto files = RecordingFiles::open(options.path, options.keep);
    if (!files) return files.error();
    return std::unique_ptr<FileStore>(new FileStore(std::move(*files), options.max_size));
}

// At the first block, when everything that stakeout starts has been started: fork() copies one thread only.
bool FileStore::start_thread() {
    if (thread_.joinable()) return true;
    const SignalsBlocked blocked;
    try {
        thread_ = std::thread([this] { work(); });
    } catch (const std::system_error&) {
        return false;
    }
    return true;
}

FileStore::~FileStore() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        over_ = true;
    }
    changed_.notify_one();
    thread_.join();
}

void FileStore::drop(const Block& block) {
    lost_ += block.hits;
    gap_ = true;
}

void FileStore::say(std::string trouble) {
    const std::lock_guard lock(mutex_);
    if (told_) return;
    told_ = true;
    trouble_ = std::move(trouble);
}

std::optional<std::string> FileStore::take_trouble() {
    const std::lock_guard lock(mutex_);
    return std::exchange(trouble_, std::nullopt);
}

bool FileStore::wants_segment() const { return gap_ || file_size_ + waiting_bytes_ + block_room > max_size_; }

void FileStore::put(Block block) {
    if (block.bytes.empty() || (gap_ && !block.begins_segment)) return drop(block);
    if (!start_thread()) {
        drop(block);
        return say("no thread can be started to write the recording; the watch goes on without it");
    }
    if (waiting_bytes_ + block.bytes.size() > most_waiting) {
        drop(block);
        return say("the disk is too slow for the recording; hits that it cannot take are left out of it");
    }
    if (block.begins_segment) gap_ = false;
    {
        const std::lock_guard lock(mutex_);
        waiting_bytes_ += block.bytes.size();
        waiting_.push_back(std::move(block));
    }
    changed_.notify_one();
}

void FileStore::work() {
    std::unique_lock lock(mutex_);
    while (!over_ || !waiting_.empty()) {
        if (waiting_.empty())
            changed_.wait_for(lock, between_syncs, [this] { return over_ || !waiting_.empty(); });
        if (!waiting_.empty()) {
            const Block block = std::move(waiting_.front());
            waiting_.pop_front();
            lock.unlock();
            write(block);
            lock.lock();
        }
        lock.unlock();
        sync_when_due(false);
        lock.lock();
    }
    lock.unlock();
    sync_when_due(true);
}

void FileStore::write(const Block& block) {
    const Status written =
        in_gap_ && !block.begins_segment ? Status(internal_error("", "")) : try_to_write(block);
    if (written) {
        in_gap_ = false;
        unsynced_ = true;
        written_ += block.bytes.size();
    } else {
        if (!in_gap_)
            say(fmt::format("{}; hits are left out of the recording until it can be, and the watch goes on",
                            written.error().sentence()));
        in_gap_ = true;
        drop(block);
    }
    file_size_ = files_.size();
    waiting_bytes_ -= block.bytes.size();
}

Status FileStore::try_to_write(const Block& block) {
    const bool is_full = files_.size() != 0 && files_.size() + block_room > max_size_;
    if (block.begins_segment && (is_full || !files_.is_open()))
        if (auto begun = files_.begin_next(); !begun) return begun;
    return files_.append(block.bytes);
}

void FileStore::sync_when_due(bool now) {
    const auto time = std::chrono::steady_clock::now();
    if (!unsynced_ || (!now && time - last_sync_ < between_syncs)) return;
    last_sync_ = time;
    unsynced_ = false;
    if (auto synced = files_.sync(); !synced) say(synced.error().sentence());
}

} // namespace stakeout
