#include "recording/recording_files.h"

#include "recording/read_recording.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace stakeout {
namespace {

constexpr mode_t for_owner = 0600;

Error refused(const std::string& tried, const std::string& name, const std::string& why) {
    return usage_error(tried, name + " is there already, and " + why, "name another file, or remove it");
}

} // namespace

std::string RecordingFiles::name(unsigned number) const {
    return number == 0 ? name_ : name_ + "." + std::to_string(number);
}

Result<RecordingFiles> RecordingFiles::open(const std::string& path, unsigned keep) {
    RecordingFiles files;
    files.path_ = path;
    files.keep_ = keep;
    const std::size_t slash = path.rfind('/');
    files.name_ = slash == std::string::npos ? path : path.substr(slash + 1);
    if (files.name_.empty() || files.name_ == "." || files.name_ == "..")
        return usage_error(files.tried(), "that is no file's name");
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    files.folder_ = OwnedFd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!files.folder_)
        return Error{Failure::Usage, files.tried(), "its folder cannot be opened", "make the folder first",
                     errno};
    bool is_there = false;
    for (unsigned number = keep + 1; number-- > 0;) {
        const auto taken = files.is_taken(number);
        if (!taken) return taken.error();
        is_there = *taken; // in the end: of PATH itself
    }
    if (is_there)
        if (auto moved = files.move_away(); !moved) return moved.error();
    if (auto created = files.create(); !created) return created.error();
    return files;
}

Result<bool> RecordingFiles::is_taken(unsigned number) const {
    const std::string file = name(number);
    const OwnedFd fd(::openat(folder_.get(), file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!fd && errno == ENOENT) return false;
    if (!fd && errno == ELOOP) return refused(tried(), file, "is a symbolic link");
    struct stat status{};
    if (!fd || ::fstat(fd.get(), &status) != 0)
        return Error{Failure::Usage, tried(), file + " is there already, and cannot be read",
                     "name another file, or remove it", errno};
    if (!S_ISREG(status.st_mode)) return refused(tried(), file, "is no regular file");
    if (status.st_uid != ::geteuid()) return refused(tried(), file, "belongs to somebody else");
    if (status.st_size == 0) {
        (void)::unlinkat(folder_.get(), file.c_str(), 0);
        return false;
    }
    if (!is_recording(fd.get())) return refused(tried(), file, "is no recording");
    return true;
}

Status RecordingFiles::move_away() {
    if (keep_ == 0) {
        if (::unlinkat(folder_.get(), name_.c_str(), 0) == 0) return done();
        return Error{Failure::Usage, tried(), "the file before it cannot be removed", "", errno};
    }
    for (unsigned number = keep_; number-- > 0;) {
        const int renamed =
            ::renameat(folder_.get(), name(number).c_str(), folder_.get(), name(number + 1).c_str());
        if (renamed != 0 && errno != ENOENT)
            return Error{Failure::Usage, tried(), name(number) + " cannot be renamed", "", errno};
    }
    return done();
}

Status RecordingFiles::create() {
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    OwnedFd fd(::openat(folder_.get(), name_.c_str(), flags, for_owner));
    if (!fd)
        return Error{Failure::Usage, tried(), "the file cannot be made", "name a file in a folder of root's",
                     errno};
    if (::fchmod(fd.get(), for_owner) != 0)
        return internal_error(tried(), "the file's mode cannot be set", errno);
    (void)::fsync(folder_.get()); // so that it is found after a power cut
    file_ = std::move(fd);
    size_ = 0;
    return done();
}

Status RecordingFiles::append(std::string_view bytes) {
    if (!file_) return internal_error(tried(), "there is no file to write to");
    std::uint64_t at = size_;
    for (std::string_view rest = bytes; !rest.empty();) {
        const ssize_t wrote = ::pwrite(file_.get(), rest.data(), rest.size(), static_cast<off_t>(at));
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) {
            const int why = wrote < 0 ? errno : ENOSPC;
            (void)::ftruncate(file_.get(), static_cast<off_t>(size_));
            return internal_error(tried(), "it cannot be written", why);
        }
        rest.remove_prefix(static_cast<std::size_t>(wrote));
        at += static_cast<std::uint64_t>(wrote);
    }
    size_ = at;
    return done();
}

Status RecordingFiles::begin_next() {
    // Once: a folder in which nothing can be made must not push the older files out one by one.
    if (file_) {
        if (auto synced = sync(); !synced) return synced;
        if (auto moved = move_away(); !moved) return moved;
        file_.reset();
        size_ = 0;
    }
    return create();
}

Status RecordingFiles::sync() {
    if (file_ && ::fdatasync(file_.get()) != 0)
        return internal_error(tried(), "the disk does not take it", errno);
    return done();
}

} // namespace stakeout
