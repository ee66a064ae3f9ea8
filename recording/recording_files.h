// The files of a recording: PATH, which is written, and PATH.1, PATH.2 ..., which were full before it, the
// newest first.
//
// Root writes into folders that others may write to as well: the files are looked for in the folder as it was
// opened, a link is never followed, and a new file is one that was not there before. Memory contents are
// nobody's business but root's: mode 0600.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace stakeout {

class RecordingFiles {
  public:
    // Begins a file. A recording that is there already becomes PATH.1, as a full one does; at most `keep`
    // older files are kept. Errors (Usage): a file by one of these names is no recording, no regular file or
    // not ours; the folder cannot be written.
    static Result<RecordingFiles> open(const std::string& path, unsigned keep);

    // All of the bytes, or none: what was written of them is taken back.
    Status append(std::string_view bytes);
    Status begin_next(); // the file that was written becomes PATH.1
    Status sync();       // to the disk

    [[nodiscard]] std::uint64_t size() const { return size_; }              // of the file that is written
    [[nodiscard]] bool is_open() const { return static_cast<bool>(file_); } // false: begin_next() failed

  private:
    RecordingFiles() = default;
    [[nodiscard]] std::string name(unsigned number) const;
    // False: there is nothing by that name, or an empty file, which is removed.
    Result<bool> is_taken(unsigned number) const;
    Status move_away();
    Status create();
    [[nodiscard]] std::string tried() const { return "record to " + path_; }

    std::string path_, name_;
    unsigned keep_ = 0;
    OwnedFd folder_, file_;
    std::uint64_t size_ = 0;
};

} // namespace stakeout
