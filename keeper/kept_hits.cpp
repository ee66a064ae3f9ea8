#include "keeper/kept_hits.h"

#include <filesystem>
#include <system_error>

namespace stakeout {

KeptHits KeptHits::in_memory(const RecordingFacts& facts) {
    KeptHits kept;
    auto store = std::make_unique<MemoryStore>();
    kept.memory_ = store.get();
    kept.recorder_ = std::make_unique<Recorder>(facts, std::move(store), Recorder::Say());
    return kept;
}

Result<KeptHits> KeptHits::in_files(const RecordingFacts& facts, const FileStoreOptions& options,
                                    Recorder::Say say) {
    auto store = FileStore::open(options);
    if (!store) return std::move(store).error();
    KeptHits kept;
    kept.files_ = store->get();
    kept.recorder_ = std::make_unique<Recorder>(facts, std::move(*store), std::move(say));
    std::error_code error; // others are told the path, and stand elsewhere
    kept.path_ = std::filesystem::absolute(options.path, error).string();
    return kept;
}

bool KeptHits::settle() {
    recorder_->finish_block();
    return files_ == nullptr || files_->is_settled();
}

} // namespace stakeout
