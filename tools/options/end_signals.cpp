#include "tools/options/end_signals.h"

#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>

namespace stakeout {

Result<OwnedFd> catch_signals(bool survives_hangup) {
    sigset_t signals;
    ::sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM}) ::sigaddset(&signals, signal);
    if (survives_hangup)
        std::signal(SIGHUP, SIG_IGN);
    else
        ::sigaddset(&signals, SIGHUP);
    if (::sigprocmask(SIG_BLOCK, &signals, nullptr) != 0)
        return internal_error("block signals", "the kernel refused", errno);
    OwnedFd fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd) return internal_error("catch signals", "no signalfd", errno);
    return fd;
}

} // namespace stakeout
