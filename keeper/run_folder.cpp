#include "keeper/run_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace stakeout {
namespace {

constexpr std::size_t longest_name = 48; // sun_path holds 107 bytes in all
constexpr std::string_view socket_end = ".sock";

// Whether the lock that we hold is the file that others find at its path: it may have been removed between
// our open and our lock.
bool is_still_there(int fd, const std::string& path) {
    struct stat mine{};
    struct stat there{};
    return ::fstat(fd, &mine) == 0 && ::lstat(path.c_str(), &there) == 0 && mine.st_ino == there.st_ino &&
           mine.st_dev == there.st_dev;
}

} // namespace

Status check_watch_name(std::string_view name) {
    const auto fits = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
    };
    if (!name.empty() && name.size() <= longest_name && name.front() != '.' && name.front() != '-' &&
        std::all_of(name.begin(), name.end(), fits))
        return done();
    return usage_error(
        fmt::format("call a watch '{}'", name),
        fmt::format("a name is 1 to {} letters, digits, '-', '_' and '.', and begins with none of "
                    "'-' and '.'",
                    longest_name));
}

Result<RunFolder> RunFolder::open() {
    const char* chosen = std::getenv("STAKEOUT_RUN");
    std::string path = chosen != nullptr && *chosen != '\0' ? chosen : "/run/stakeout";
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
        return arm_error("make " + path + ", where running watches are found", "the system refused",
                         "watches that are kept need root and a folder there", errno);
    struct stat folder{};
    if (::lstat(path.c_str(), &folder) != 0)
        return arm_error("look at " + path, "the system refused", "be root", errno);
    if (!S_ISDIR(folder.st_mode) || folder.st_uid != ::geteuid() || (folder.st_mode & 077) != 0)
        return arm_error("use " + path + " for the sockets of running watches",
                         "it is not a folder that only we may enter",
                         fmt::format("`ls -ld {}` shows it; it must be yours, with mode 0700", path));
    return RunFolder(std::move(path));
}

std::string RunFolder::socket_path(const std::string& name) const {
    return fmt::format("{}/{}{}", path_, name, socket_end);
}
std::string RunFolder::lock_path(const std::string& name) const {
    return fmt::format("{}/{}.lock", path_, name);
}

Result<OwnedFd> RunFolder::reserve(const std::string& name) const {
    const std::string path = lock_path(name);
    for (int tries = 0;; ++tries) {
        OwnedFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!lock) return arm_error("reserve the name " + name, path + " cannot be made", "", errno);
        if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
            if (tries < 10) { // somebody may only be looking whether it is held
                ::poll(nullptr, 0, 5);
                continue;
            }
            return arm_error("call a watch " + name, "a running watch has that name",
                             fmt::format("choose another, or end it: stakeout remove {}", name));
        }
        if (!is_still_there(lock.get(), path)) continue;
        ::unlink(socket_path(name).c_str()); // of one that was killed
        return lock;
    }
}

bool RunFolder::is_held(const std::string& name) const {
    const OwnedFd lock(::open(lock_path(name).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    return lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0;
}

void RunFolder::forget_if_dead(const std::string& name) const {
    const std::string path = lock_path(name);
    // Made where it is not there: without the lock in our hands a new watch's socket could be removed.
    const OwnedFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0 || !is_still_there(lock.get(), path)) return;
    ::unlink(socket_path(name).c_str());
    ::unlink(path.c_str());
}

std::vector<std::string> RunFolder::names() const {
    std::vector<std::string> found;
    std::error_code error;
    for (auto entry = std::filesystem::directory_iterator(path_, error);
         !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        const std::string file = entry->path().filename().string();
        if (file.size() > socket_end.size() && file.ends_with(socket_end) && file.front() != '.')
            found.push_back(file.substr(0, file.size() - socket_end.size()));
    }
    std::sort(found.begin(), found.end());
    return found;
}

} // namespace stakeout
