// Blocks -> files, which are full at some size. A thread of its own writes them, and sees to it once a second
// that they are on the disk: the watch never waits for one. What the thread has written stays readable
// whatever becomes of this process; a power cut costs the last second.
#pragma once

#include "base/result.h"
#include "recording/block_store.h"
#include "recording/recording_files.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace stakeout {

struct FileStoreOptions {
    std::string path;
    std::uint64_t max_size = std::uint64_t{100} << 20U; // bytes of one file; at least FileStore::least_size
    unsigned keep = 3;                                  // full files, beside the one that is written
};

class FileStore final : public BlockStore {
  public:
    static constexpr std::uint64_t least_size = std::uint64_t{1} << 20U;

    // Errors (Usage): those of RecordingFiles; a size that is too small.
    static Result<std::unique_ptr<FileStore>> open(const FileStoreOptions& options);
    ~FileStore() override; // writes what is waiting
    FileStore(const FileStore&) = delete;
    FileStore& operator=(const FileStore&) = delete;

    void put(Block block) override;
    [[nodiscard]] bool wants_segment() const override;
    [[nodiscard]] std::uint64_t lost_hits() const override { return lost_; }
    [[nodiscard]] std::uint64_t bytes_kept() const override { return written_; }
    std::optional<std::string> take_trouble() override;
    [[nodiscard]] bool is_settled() const { return waiting_bytes_ == 0; } // every block is written, or lost

  private:
    FileStore(RecordingFiles files, std::uint64_t max_size) : files_(std::move(files)), max_size_(max_size) {}
    bool start_thread();
    void drop(const Block& block);
    void say(std::string trouble);

    // The thread's.
    void work();
    void write(const Block& block);
    Status try_to_write(const Block& block);
    void sync_when_due(bool now);

    static constexpr std::size_t most_waiting = std::size_t{8} << 20U; // bytes of blocks
    static constexpr std::chrono::seconds between_syncs{1};

    RecordingFiles files_; // the thread's
    std::uint64_t max_size_;
    bool in_gap_ = false;   // the thread's: a block was dropped, and what follows needs a new segment
    bool unsynced_ = false; // the thread's
    std::chrono::steady_clock::time_point last_sync_;

    std::atomic<std::uint64_t> lost_ = 0, written_ = 0;
    std::atomic<std::uint64_t> file_size_ = 0, waiting_bytes_ = 0;
    std::atomic<bool> gap_ = false; // blocks are dropped until one begins a segment

    std::mutex mutex_; // of what follows
    std::condition_variable changed_;
    std::deque<Block> waiting_;
    bool over_ = false;
    std::optional<std::string> trouble_;
    bool told_ = false; // one trouble is enough
    std::thread thread_;
};

} // namespace stakeout
