#include "tools/stakeout/record_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

namespace stakeout {

// Memory contents are nobody's business but root's: 0600, and never through a link that somebody else has put
// there.
Result<OwnedFd> open_record(const std::string& path) {
    if (path.empty()) return OwnedFd();
    OwnedFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd)
        return Error{Failure::Usage, "keep the hits in " + path, "it cannot be written",
                     "name a file in a folder of root's", errno};
    if (::fchmod(fd.get(), 0600) != 0)
        return internal_error("keep the hits in " + path, "its mode cannot be set", errno);
    return fd;
}

} // namespace stakeout
