#include "xen-bridge/care/guardian.h"

#include "base/monotonic_clock.h"
#include "xen-bridge/care/heal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string_view>

namespace stakeout {
namespace {

constexpr std::uint64_t ms = 1'000'000;
constexpr int look_every_ms = 250;
constexpr std::uint64_t grace_ns = 2'000 * ms; // after the deadline

void become_hard_to_kill() {
    ::setsid();
    ::prctl(PR_SET_NAME, "stakeout-xen-gd");
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT}) std::signal(number, SIG_IGN);
    const OwnedFd score(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
    constexpr std::string_view never = "-1000";
    if (score && ::write(score.get(), never.data(), never.size()) < 0) return; // as good as it gets
    ::mlockall(MCL_CURRENT | MCL_FUTURE);
}

// Standard output and error may be pipes that somebody waits on for their end.
void leave_the_terminal() {
    const OwnedFd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!nothing) return;
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nothing.get(), fd);
}

// Says when the bridge has not moved for a while.
class Pulse {
  public:
    explicit Pulse(const UndoList& list) : list_(list), seen_ns_(monotonic_ns()) {}
    [[nodiscard]] bool stopped() {
        const std::uint64_t now = monotonic_ns();
        const auto beat = *const_cast<const volatile std::uint64_t*>(&list_.heartbeat);
        if (beat != last_) last_ = beat, seen_ns_ = now;
        const auto deadline = *const_cast<const volatile std::uint64_t*>(&list_.deadline_ns);
        if (deadline != 0 && now > deadline + grace_ns) return true;
        // Only events make a vCPU wait for the bridge.
        const bool awaited = list_.monitor != 0 || list_.pause != UndoList::Pause::None;
        return awaited && now - seen_ns_ > static_cast<std::uint64_t>(BridgeGuardian::patience_ms) * ms;
    }

  private:
    const UndoList& list_;
    std::uint64_t last_ = 0, seen_ns_;
};

[[noreturn]] void guard(const Hypervisor& xen, Lease& lease, int pipe) {
    UndoList& list = lease.list();
    Pulse pulse(list);
    for (;;) {
        pollfd pollable{pipe, POLLIN, 0};
        const int ready = ::poll(&pollable, 1, look_every_ms);
        if (ready > 0) break; // a byte: all is well; the end: the bridge is gone
        if (list.is_empty() || !pulse.stopped()) continue;
        // First the word, so that a bridge that wakes up touches nothing any more.
        list.guardian_acted = 1;
        heal(xen, list);
    }
    if (!list.is_empty()) heal(xen, list);
    if (list.is_empty()) lease.finish();
    ::_exit(0);
}

} // namespace

Result<std::unique_ptr<BridgeGuardian>> BridgeGuardian::start(Lease& lease) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return internal_error("start the guardian", "no pipe", errno);
    OwnedFd reading(ends[0]), writing(ends[1]);
    OwnedFd ready_reading, ready_writing;
    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) != 0) return internal_error("start the guardian", "no pipe", errno);
    ready_reading.reset(ready[0]), ready_writing.reset(ready[1]);

    const pid_t child = ::fork();
    if (child < 0) return internal_error("start the guardian", "no process", errno);
    if (child == 0) {
        writing.reset();
        ready_reading.reset();
        become_hard_to_kill();
        leave_the_terminal();
        auto xen = Hypervisor::open(); // now: later there may be no memory for it
        if (!xen) ::_exit(1);
        const char word = 'r';
        if (::write(ready_writing.get(), &word, 1) != 1) ::_exit(1);
        ready_writing.reset();
        guard(**xen, lease, reading.get());
    }
    ready_writing.reset();
    lease.list().guardian_pid = child;
    char word = 0;
    if (::read(ready_reading.get(), &word, 1) != 1) {
        ::waitpid(child, nullptr, 0);
        return internal_error("start the guardian", "it did not come up", 0);
    }
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): private constructor
    return std::unique_ptr<BridgeGuardian>(new BridgeGuardian(std::move(writing), child));
}

BridgeGuardian::~BridgeGuardian() {
    pipe_.reset();
    ::waitpid(child_, nullptr, 0);
}

} // namespace stakeout
