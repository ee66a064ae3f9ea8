// Is what we watch still what we armed? A process can end or exec, a kernel object can be freed and its
// memory reused.
//
// Known in time: the end of a process (pidfd) and of a task. Checked once a second: exec of a process, and
// that a file descriptor still leads to the same struct file. A file kept open by somebody else lives on; one
// that was closed and freed between two checks may have been reused meanwhile: the manual says so.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"
#include "loader/kernel_peek.h"
#include "watchpoints/target/target.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

class TargetLife {
  public:
    static Result<TargetLife> follow(const std::optional<WatchedProcess>& process,
                                     std::vector<WatchedObject> objects, const KernelPeek* peek);

    // Readable when something ended. -1: nothing to wait for.
    [[nodiscard]] std::vector<int> poll_fds() const;
    // Quick: what ended, if anything.
    [[nodiscard]] std::optional<std::string> ended() const;
    // Slower: what changed under us, if anything.
    [[nodiscard]] std::optional<std::string> replaced() const;

  private:
    struct Followed {
        OwnedFd pidfd;
        int pid = 0;
        std::string what; // "process 1234 (name)"
    };
    // Where a process's table of open files is. Read as memory: an iterator would take references of the very
    // file whose count may be watched.
    struct FileTable {
        std::uint64_t files_at = 0; // address of task_struct.files
        std::uint32_t fdt_offset = 0, fd_offset = 0;
    };
    [[nodiscard]] std::optional<std::uint64_t> file_at(const FileTable& table, int fd) const;

    const KernelPeek* peek_ = nullptr;
    std::map<std::uint32_t, FileTable> tables_; // by thread id
    std::vector<Followed> followed_;
    std::vector<WatchedObject> objects_;
    int process_pid_ = 0;
    std::string image_; // of the process: changes with exec
};

} // namespace stakeout
