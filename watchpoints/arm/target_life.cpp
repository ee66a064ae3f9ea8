#include "watchpoints/arm/target_life.h"

#include "base/text_file.h"
#include "loader/object_finder.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace stakeout {
namespace {

std::string name_of(int pid) {
    auto comm = read_text_file(fmt::format("/proc/{}/comm", pid));
    if (!comm) return fmt::format("process {}", pid);
    while (!comm->empty() && comm->back() == '\n') comm->pop_back();
    return fmt::format("process {} ({})", pid, *comm);
}

// Where the kernel put the code and the first stack frame of the program: an exec changes them.
std::string image_of(int pid) {
    auto stat = read_text_file(fmt::format("/proc/{}/stat", pid));
    if (!stat) return {};
    const std::size_t after_name = stat->rfind(')');
    if (after_name == std::string::npos) return {};
    std::string image;
    std::size_t field = 2;
    for (const char c : stat->substr(after_name + 1)) {
        if (c == ' ') ++field;
        if (field >= 26 && field <= 28) image += c; // startcode, endcode, startstack: proc(5)
    }
    return image;
}

} // namespace

Result<TargetLife> TargetLife::follow(const std::optional<WatchedProcess>& process,
                                      std::vector<WatchedObject> objects) {
    TargetLife life;
    std::vector<int> pids;
    if (process) {
        pids.push_back(process->pid);
        life.process_pid_ = process->pid;
        life.image_ = image_of(process->pid);
    }
    for (const WatchedObject& object : objects) pids.push_back(static_cast<int>(object.tid));
    for (const int pid : pids) {
        Followed followed;
        followed.pid = pid;
        followed.what = name_of(pid);
        // A thread that is no group leader has no pidfd before Linux 6.9 (PIDFD_THREAD): looked at instead.
        followed.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
        if (!followed.pidfd && errno == ESRCH)
            return arm_error(fmt::format("watch process {}", pid), "there is no such process",
                             "check the PID");
        life.followed_.push_back(std::move(followed));
    }
    life.objects_ = std::move(objects);
    return life;
}

std::vector<int> TargetLife::poll_fds() const {
    std::vector<int> fds;
    for (const Followed& followed : followed_)
        if (followed.pidfd) fds.push_back(followed.pidfd.get());
    return fds;
}

std::optional<std::string> TargetLife::ended() const {
    for (const Followed& followed : followed_) {
        if (followed.pidfd) {
            pollfd one{followed.pidfd.get(), POLLIN, 0};
            if (::poll(&one, 1, 0) > 0) return followed.what + " has ended";
        } else if (::access(fmt::format("/proc/{}", followed.pid).c_str(), F_OK) != 0) {
            return followed.what + " has ended";
        }
    }
    return std::nullopt;
}

std::optional<std::string> TargetLife::replaced() const {
    if (process_pid_ != 0 && !image_.empty()) {
        const std::string now = image_of(process_pid_);
        const bool exiting =
            now.find_first_of("123456789") == std::string::npos; // its addresses are gone already
        if (!exiting && now != image_)
            return fmt::format("process {} has started another program (exec)", process_pid_);
    }
    for (const WatchedObject& object : objects_) {
        if (object.kind != WatchedObject::Kind::File) continue;
        auto found = find_file(object.tid, object.fd);
        if (found && (found->empty() || found->front().file != object.address))
            return fmt::format("file descriptor {} of process {} is no longer the same open file", object.fd,
                               object.tid);
    }
    return std::nullopt;
}

} // namespace stakeout
