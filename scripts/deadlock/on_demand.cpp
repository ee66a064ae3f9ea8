#include "scripts/deadlock/on_demand.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>

namespace stakeout {
namespace {

std::atomic<bool> signalled = false; // of the process, as signals are
static_assert(std::atomic<bool>::is_always_lock_free);

void note_signal(int /*number*/) { signalled.store(true); }

} // namespace

struct OnDemand::State {
    struct sigaction previous{};
    bool read_stdin = false;
};

OnDemand::OnDemand(bool read_stdin) : state_(std::make_unique<State>()) {
    state_->read_stdin = read_stdin;
    struct sigaction action{};
    action.sa_handler = note_signal;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGUSR1, &action, &state_->previous);
}

OnDemand::~OnDemand() { ::sigaction(SIGUSR1, &state_->previous, nullptr); }

bool OnDemand::asked() {
    const bool entered = enter_pressed();
    return signalled.exchange(false) || entered;
}

bool OnDemand::enter_pressed() {
    bool pressed = false;
    pollfd in{STDIN_FILENO, POLLIN, 0};
    while (state_->read_stdin && ::poll(&in, 1, 0) > 0) {
        std::array<char, 256> text{};
        const ssize_t got = (in.revents & POLLIN) != 0 ? ::read(STDIN_FILENO, text.data(), text.size()) : 0;
        if (got <= 0) state_->read_stdin = false; // its end says nothing
        for (ssize_t i = 0; i < got; ++i) pressed = pressed || text[static_cast<std::size_t>(i)] == '\n';
    }
    return pressed;
}

} // namespace stakeout
