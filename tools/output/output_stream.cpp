#include "tools/output/output_stream.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace stakeout {

OutputStream::OutputStream(int fd) : fd_(fd) {
    struct stat file{};
    is_file_ = ::fstat(fd, &file) == 0 && S_ISREG(file.st_mode);
}

bool OutputStream::flush() {
    // A pipe that polls writable takes at least PIPE_BUF bytes at once; regular files take anything, and
    // small pieces would cost half of the time that a fast stream of hits leaves.
    constexpr std::size_t pipe_bytes = 4096;
    const std::size_t sure = is_file_ ? most_pending : pipe_bytes;
    while (written_ < pending_.size()) {
        pollfd one{fd_, POLLOUT, 0};
        if (::poll(&one, 1, 0) <= 0) break;
        if ((one.revents & (POLLERR | POLLNVAL)) != 0) return false;
        const ssize_t wrote =
            ::write(fd_, pending_.data() + written_, std::min(sure, pending_.size() - written_));
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0 && (errno == ENOSPC || errno == EDQUOT)) {
            if (!told_)
                std::fputs("stakeout: the disk is full: hits wait in memory until there is room, and are "
                           "counted as lost "
                           "when that is full too\n",
                           stderr);
            told_ = true;
            break;
        }
        if (wrote < 0 && errno == EAGAIN) break;
        if (wrote < 0) return false;
        told_ = false;
        written_ += static_cast<std::size_t>(wrote);
        total_ += static_cast<std::uint64_t>(wrote);
    }
    if (written_ == pending_.size()) {
        pending_.clear();
        written_ = 0;
    } else if (written_ > most_pending) {
        pending_.erase(0, written_);
        written_ = 0;
    }
    return true;
}

} // namespace stakeout
