#include "base/text_file.h"

#include "base/owned_fd.h"

#include <fcntl.h>

#include <cerrno>

namespace stakeout {

Result<std::string> read_text_file(const std::string& path) {
    const OwnedFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return internal_error("open " + path, "the file cannot be read", errno);
    std::string text;
    constexpr std::size_t chunk = 65536;
    for (;;) {
        const std::size_t before = text.size();
        text.resize(before + chunk);
        const ssize_t got = ::read(fd.get(), text.data() + before, chunk);
        if (got < 0 && errno == EINTR) {
            text.resize(before);
            continue;
        }
        if (got < 0) return internal_error("read " + path, "the read failed", errno);
        text.resize(before + static_cast<std::size_t>(got));
        if (got == 0) return text;
    }
}

} // namespace stakeout
