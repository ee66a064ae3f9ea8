#include "keeper/detach.h"

#include "base/write_all.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <linux/close_range.h>
#include <sys/syscall.h>

namespace stakeout {
namespace {

constexpr int died_by_signal = 5; // the exit status of an internal error

// What the child told, once it closes its end; then its exit status if it told nothing.
int wait_for_child(int report, pid_t child) {
    std::string told;
    std::array<char, 512> bytes;
    for (;;) {
        const ssize_t got = ::read(report, bytes.data(), bytes.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        told.append(bytes.data(), static_cast<std::size_t>(got));
    }
    if (!told.empty()) return write_all(STDOUT_FILENO, told) ? 0 : died_by_signal;
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : died_by_signal;
}

} // namespace

Result<Detached::Outcome> Detached::begin() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        return internal_error("start a process that keeps the watch", "no pipe", errno);
    OwnedFd reading(ends[0]);
    OwnedFd writing(ends[1]);
    std::fflush(nullptr);
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) return internal_error("start a process that keeps the watch", "fork failed", errno);
    Outcome outcome;
    if (child > 0) {
        writing.reset();
        outcome.exit_status = wait_for_child(reading.get(), child);
        return outcome;
    }
    reading.reset();
    ::prctl(PR_SET_PDEATHSIG, SIGTERM); // Ctrl-C while it is being armed
    if (::getppid() != parent) ::_exit(died_by_signal);
    ::setsid();
    // What our starter left open would be kept open with us: an ssh session, say, would not end.
    const auto kept = static_cast<unsigned>(writing.get());
    if (kept > 3) (void)::syscall(SYS_close_range, 3U, kept - 1, 0U);
    (void)::syscall(SYS_close_range, kept + 1, ~0U, 0U);
    outcome.detached.reset(new Detached(std::move(writing))); // NOLINT(cppcoreguidelines-owning-memory)
    return outcome;
}

void Detached::ready(const std::string& line) {
    ::prctl(PR_SET_PDEATHSIG, 0);
    const OwnedFd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (nothing)
        for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) (void)::dup2(nothing.get(), fd);
    (void)!::chdir("/");
    (void)write_all(report_.get(), line + "\n");
    report_.reset();
}

} // namespace stakeout
