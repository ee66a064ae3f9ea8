// The recording that a keeper has of its watch: in files where it was asked to record, else the newest part
// of it in memory.
#pragma once

#include "base/result.h"
#include "recording/file_store.h"
#include "recording/memory_store.h"
#include "recording/recorder.h"

#include <memory>
#include <optional>
#include <string>

namespace stakeout {

class KeptHits {
  public:
    static KeptHits in_memory(const RecordingFacts& facts);
    // Errors (Usage): those of FileStore::open().
    static Result<KeptHits> in_files(const RecordingFacts& facts, const FileStoreOptions& options,
                                     Recorder::Say say);

    WatchListener& listener() { return *recorder_; }
    // Makes all that was told so far readable by others. False: some of it is still on its way to the file.
    [[nodiscard]] bool settle();
    [[nodiscard]] const std::string& path() const { return path_; } // absolute; empty: in memory
    [[nodiscard]] std::string bytes() const { return memory_ != nullptr ? memory_->bytes() : std::string(); }

  private:
    KeptHits() = default;
    std::unique_ptr<Recorder> recorder_;
    MemoryStore* memory_ = nullptr; // the recorder's
    FileStore* files_ = nullptr;    // the recorder's
    std::string path_;
};

} // namespace stakeout
