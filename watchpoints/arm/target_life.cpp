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
                                      std::vector<WatchedObject> objects, const KernelPeek* peek) {
    TargetLife life;
    life.peek_ = peek;
    for (const WatchedObject& object : objects) {
        if (object.kind != WatchedObject::Kind::File) continue;
        auto tasks = find_tasks(object.tid);
        if (!tasks) return std::move(tasks).error();
        for (const so_task& task : *tasks)
            life.tables_[object.tid] = {task.task + task.files_offset, task.fdt_offset, task.fd_offset};
    }
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

std::optional<std::uint64_t> TargetLife::file_at(const FileTable& table, int fd) const {
    std::uint64_t word = 0;
    if (peek_ == nullptr || !peek_->read_word(table.files_at, word) || word == 0 ||
        !peek_->read_word(word + table.fdt_offset, word) || !peek_->read_word(word + table.fd_offset, word) ||
        !peek_->read_word(word + static_cast<std::uint64_t>(fd) * sizeof(word), word))
        return std::nullopt; // it is ending, which the pidfd tells
    return word;
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
        const auto table = tables_.find(object.tid);
        if (table == tables_.end()) continue;
        const auto now = file_at(table->second, object.fd);
        if (now && *now != object.address)
            return fmt::format("file descriptor {} of process {} is no longer the same open file", object.fd,
                               object.tid);
    }
    return std::nullopt;
}

} // namespace stakeout
