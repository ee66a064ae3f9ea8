#include "watchpoints/target/launcher.h"

#include "base/owned_fd.h"
#include "base/text_file.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace stakeout {
namespace {

[[noreturn]] void become(const std::vector<std::string>& arguments, int report) {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    std::signal(SIGPIPE, SIG_DFL);
    std::signal(SIGTRAP, SIG_DFL);
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (const std::string& argument : arguments)
        argv.push_back(const_cast<char*>(argument.c_str())); // NOLINT(*-const-cast): execvp does not write
    argv.push_back(nullptr);
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::execvp(argv[0], argv.data());
    const int why = errno;
    (void)!::write(report, &why, sizeof(why));
    ::_exit(127);
}

// Waits for the next stop; signals other than our own traps are passed on.
bool wait_for_trap(pid_t pid) {
    for (;;) {
        int status = 0;
        if (::waitpid(pid, &status, 0) != pid) {
            if (errno == EINTR) continue;
            return false;
        }
        if (!WIFSTOPPED(status)) return false;
        if (WSTOPSIG(status) == SIGTRAP) return true;
        ::ptrace(PTRACE_CONT, pid, nullptr, WSTOPSIG(status));
    }
}

std::uint64_t entry_of(pid_t pid) {
    auto auxv = read_text_file(fmt::format("/proc/{}/auxv", pid));
    if (!auxv) return 0;
    for (std::size_t at = 0; at + sizeof(Elf64_auxv_t) <= auxv->size(); at += sizeof(Elf64_auxv_t)) {
        Elf64_auxv_t entry{};
        std::memcpy(&entry, auxv->data() + at, sizeof(entry));
        if (entry.a_type == AT_ENTRY) return entry.a_un.a_val;
    }
    return 0;
}

} // namespace

LaunchedProgram::LaunchedProgram(LaunchedProgram&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), held_(std::exchange(other.held_, false)) {}

LaunchedProgram::~LaunchedProgram() {
    if (!held_ || pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

Result<LaunchedProgram> LaunchedProgram::start(const std::vector<std::string>& arguments) {
    const std::string tried = fmt::format("start {}", arguments.front());
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return internal_error(tried, "no pipe", errno);
    const OwnedFd report(ends[0]);
    OwnedFd theirs(ends[1]);
    const pid_t pid = ::fork();
    if (pid < 0) return internal_error(tried, "fork failed", errno);
    if (pid == 0) become(arguments, theirs.get());
    theirs.reset();
    int why = 0;
    if (::read(report.get(), &why, sizeof(why)) == static_cast<ssize_t>(sizeof(why))) {
        ::waitpid(pid, nullptr, 0);
        return arm_error(tried, "it cannot be executed", "check the name and its permissions", why);
    }
    LaunchedProgram program(pid);
    if (auto held = program.run_to_entry(); !held) return std::move(held).error();
    return program;
}

Status LaunchedProgram::run_to_entry() const {
    const Error failed = arm_error("hold the program at its entry", "it could not be traced",
                                   "is it traced already, or forbidden by ptrace_scope or seccomp?");
    if (!wait_for_trap(pid_)) return failed; // after execve
    ::ptrace(PTRACE_SETOPTIONS, pid_, nullptr, PTRACE_O_EXITKILL);
    const std::uint64_t entry = entry_of(pid_);
    auto* at = std::bit_cast<void*>(entry);
    errno = 0;
    const long word = ::ptrace(PTRACE_PEEKTEXT, pid_, at, nullptr);
    if (entry == 0 || errno != 0) return failed;
    constexpr long low_byte = 0xff;
    constexpr long int3 = 0xcc;
    if (::ptrace(PTRACE_POKETEXT, pid_, at, (word & ~low_byte) | int3) != 0) return failed;
    if (::ptrace(PTRACE_CONT, pid_, nullptr, nullptr) != 0 || !wait_for_trap(pid_)) return failed;
    user_regs_struct regs{};
    if (::ptrace(PTRACE_POKETEXT, pid_, at, word) != 0 || ::ptrace(PTRACE_GETREGS, pid_, nullptr, &regs) != 0)
        return failed;
    regs.rip = entry;
    if (::ptrace(PTRACE_SETREGS, pid_, nullptr, &regs) != 0) return failed;
    return done();
}

Status LaunchedProgram::let_go() {
    if (::ptrace(PTRACE_DETACH, pid_, nullptr, nullptr) != 0)
        return internal_error("let the program run", "it could not be detached", errno);
    held_ = false;
    return done();
}

} // namespace stakeout
