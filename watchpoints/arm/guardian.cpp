#include "watchpoints/arm/guardian.h"

#include "base/monotonic_clock.h"

#include <linux/perf_event.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <new>
#include <thread>

namespace stakeout {

namespace {
enum Turn : int { Free, Changing, Acted };

struct Entry {
    std::atomic<int> fd;
    std::atomic<std::uint64_t> final_count;
};
} // namespace

struct Guardian::Shared {
    std::atomic<int> turn;
    std::atomic<std::uint64_t> deadline_ns;
    std::uint64_t grace_ns;
    std::size_t capacity;
    Entry entries[1]; // `capacity` of them; the mapping is as long as that takes
};

namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;

void sleep_until(std::uint64_t ns) {
    const timespec until{static_cast<time_t>(ns / second_ns), static_cast<long>(ns % second_ns)};
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
}

bool take_turn(std::atomic<int>& turn, int into) {
    int expected = Free;
    return turn.compare_exchange_strong(expected, into);
}

void close_event(Entry& entry) {
    const int fd = entry.fd.exchange(-1);
    if (fd < 0) return;
    ::ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
    std::uint64_t count = 0;
    if (::read(fd, &count, sizeof(count)) == static_cast<ssize_t>(sizeof(count))) entry.final_count = count;
    ::close(fd);
}

template <class Shared>
bool is_early(const Shared& shared) {
    return monotonic_ns() < shared.deadline_ns + shared.grace_ns;
}

// A deadline that is moved nearer is noticed within five seconds.
template <class Shared>
void sleep_past_deadline(const Shared& shared) {
    while (is_early(shared))
        sleep_until(std::min(shared.deadline_ns + shared.grace_ns, monotonic_ns() + 5 * second_ns));
}

// The child: only system calls and the shared page from here on.
template <class Shared>
[[noreturn]] void guard(Shared& shared, pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(0);
    ::prctl(PR_SET_NAME, "stakeout-ttl");
    ::setsid(); // a Ctrl-Z or Ctrl-C at the terminal is not for us
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    for (;;) {
        sleep_past_deadline(shared);
        const std::uint64_t patience_ends = monotonic_ns() + 2 * second_ns;
        while (!take_turn(shared.turn, Acted)) {
            if (monotonic_ns() >= patience_ends) {
                ::kill(parent, SIGKILL);
                ::_exit(0);
            }
            sleep_until(monotonic_ns() + second_ns / 20);
        }
        if (!is_early(shared)) break;
        shared.turn = Free; // the watch was renewed while we waited for our turn
    }
    for (std::size_t i = 0; i < shared.capacity; ++i) close_event(shared.entries[i]);
    ::_exit(0);
}

} // namespace

Result<std::unique_ptr<Guardian>> Guardian::start(std::size_t capacity, std::uint64_t deadline_ns,
                                                  std::uint64_t grace_ns) {
    const std::size_t bytes = sizeof(Shared) + capacity * sizeof(Entry);
    void* page = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return internal_error("start the guardian of the time to live", "no memory to share", errno);
    // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): placement
    auto* shared = new (page) Shared{};
    shared->deadline_ns = deadline_ns;
    shared->grace_ns = grace_ns;
    shared->capacity = capacity;
    for (std::size_t i = 0; i < capacity; ++i) shared->entries[i].fd = -1;
    std::unique_ptr<Guardian> guardian(
        new Guardian(shared, bytes)); // NOLINT(cppcoreguidelines-owning-memory)

    const pid_t parent = ::getpid();
    const long child = ::syscall(SYS_clone, CLONE_FILES | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    if (child == 0) guard(*shared, parent);
    if (child < 0) return internal_error("start the guardian of the time to live", "clone failed", errno);
    guardian->child_ = static_cast<pid_t>(child);
    return guardian;
}

Guardian::~Guardian() {
    if (child_ > 0) {
        ::kill(child_, SIGKILL);
        while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    ::munmap(shared_, bytes_);
}

void Guardian::set_deadline(std::uint64_t deadline_ns) { shared_->deadline_ns = deadline_ns; }

bool Guardian::begin_change() {
    // Changing is never seen here: only one thread of ours changes descriptors.
    return take_turn(shared_->turn, Changing);
}
void Guardian::end_change() { shared_->turn = Free; }
void Guardian::put(std::size_t index, int fd) { shared_->entries[index].fd = fd; }
bool Guardian::has_acted() const { return shared_->turn == Acted; }
std::uint64_t Guardian::final_count(std::size_t index) const { return shared_->entries[index].final_count; }

} // namespace stakeout
