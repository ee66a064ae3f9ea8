#include "keeper/notifier.h"

#include "base/owned_fd.h"
#include "base/text_file.h"
#include "base/write_all.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <sstream>

namespace stakeout {
namespace {

constexpr std::size_t most_commands = 4; // at once; a command that hangs must not fill the machine

// Field 22 of /proc/PID/stat (proc(5)); 0: no such process.
std::uint64_t start_time(pid_t pid) {
    auto text = read_text_file(fmt::format("/proc/{}/stat", pid));
    if (!text) return 0;
    const auto name_end = text->rfind(')');
    if (name_end == std::string::npos) return 0;
    std::istringstream fields(text->substr(name_end + 1));
    std::string skipped;
    for (int field = 3; field < 22; ++field) fields >> skipped;
    std::uint64_t ticks = 0;
    fields >> ticks;
    return ticks;
}

} // namespace

StartingTerminal StartingTerminal::of_this_process() {
    StartingTerminal terminal;
    for (const int fd : {STDERR_FILENO, STDOUT_FILENO, STDIN_FILENO}) {
        std::array<char, 128> path{};
        struct stat file{};
        if (::ttyname_r(fd, path.data(), path.size()) != 0 || ::fstat(fd, &file) != 0) continue;
        terminal.path_ = path.data();
        terminal.device_ = file.st_rdev;
        terminal.leader_ = ::getsid(0);
        terminal.leader_began_ = start_time(terminal.leader_);
        break;
    }
    return terminal;
}

void StartingTerminal::tell(std::string_view line) const {
    if (path_.empty() || leader_began_ == 0 || start_time(leader_) != leader_began_) return;
    const OwnedFd fd(::open(path_.c_str(), O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    struct stat file{};
    if (!fd || ::fstat(fd.get(), &file) != 0 || file.st_rdev != device_) return;
    (void)write_all(fd.get(), fmt::format("\r\n{}\r\n", line));
}

Notifier::Notifier(Settings settings) : settings_(std::move(settings)) {
    ::openlog("stakeout", LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

Notifier::~Notifier() { ::closelog(); }

void Notifier::tell(std::string_view event, const std::string& text, std::uint64_t hits) {
    const std::string line = fmt::format("stakeout: watch {}: {}", settings_.name, text);
    settings_.terminal.tell(line);
    ::syslog(LOG_NOTICE, "watch %s (%s): %s", settings_.name.c_str(), settings_.watch.c_str(), text.c_str());
    if (!settings_.command.empty()) run_command(event, text, hits);
}

void Notifier::run_command(std::string_view event, const std::string& text, std::uint64_t hits) {
    reap();
    if (running_.size() >= most_commands) {
        ::syslog(LOG_WARNING, "watch %s: the notify command was not run: %zu of them are still at work",
                 settings_.name.c_str(), running_.size());
        return;
    }
    std::vector<std::string> words;
    for (char** variable = environ; *variable != nullptr; ++variable) words.emplace_back(*variable);
    words.push_back("STAKEOUT_WATCH=" + settings_.watch);
    words.push_back("STAKEOUT_NAME=" + settings_.name);
    words.push_back(fmt::format("STAKEOUT_EVENT={}", event));
    words.push_back("STAKEOUT_TEXT=" + text);
    words.push_back(fmt::format("STAKEOUT_HITS={}", hits));
    std::vector<char*> environment;
    environment.reserve(words.size() + 1);
    for (std::string& word : words) environment.push_back(word.data());
    environment.push_back(nullptr);

    std::array<std::string, 3> command{"/bin/sh", "-c", settings_.command};
    std::array<char*, 4> arguments{command[0].data(), command[1].data(), command[2].data(), nullptr};
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    sigset_t none;
    ::sigemptyset(&none); // we block those that end us
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
    pid_t child = 0;
    posix_spawn_file_actions_t files; // our stdout is for hits
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    const int failed =
        ::posix_spawn(&child, command[0].c_str(), &files, &attributes, arguments.data(), environment.data());
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
    if (failed == 0)
        running_.push_back(child);
    else
        ::syslog(LOG_WARNING, "watch %s: the notify command cannot be started", settings_.name.c_str());
}

void Notifier::reap() {
    std::erase_if(running_, [](pid_t child) { return ::waitpid(child, nullptr, WNOHANG) != 0; });
}

} // namespace stakeout
