#include "recording/make_recorder.h"

#include "recording/recorder.h"

#include <cstdio>

namespace stakeout {

Result<std::unique_ptr<WatchListener>> make_recorder(const RecorderOptions& options) {
    auto store = FileStore::open(options.files);
    if (!store) return store.error();
    const auto say = [](const std::string& sentence) {
        std::fputs(("stakeout: " + sentence + "\n").c_str(), stderr);
    };
    return std::unique_ptr<WatchListener>(std::make_unique<Recorder>(
        new_recording(options.stakeout_version, options.watch_name), std::move(*store), say));
}

} // namespace stakeout
