// A watch's recorder into files, as the command line asks for it.
#pragma once

#include "base/result.h"
#include "recording/file_store.h"
#include "watchpoints/arm/watch.h"

#include <memory>
#include <string>

namespace stakeout {

struct RecorderOptions {
    FileStoreOptions files;
    std::string stakeout_version;
    std::string watch_name; // empty: it has none
};

// Errors (Usage): those of FileStore::open(). What goes wrong later is said on stderr, once.
Result<std::unique_ptr<WatchListener>> make_recorder(const RecorderOptions& options);

} // namespace stakeout
