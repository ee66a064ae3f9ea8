// "Report now": SIGUSR1, or Enter where stdin is ours to read.
#pragma once

#include <memory>

namespace stakeout {

class OnDemand {
  public:
    // Takes SIGUSR1 over for the whole process, in a handler (threads that were started before need no mask
    // of theirs changed, and a program started later gets the default back with its exec). `read_stdin`:
    // false where a program that was started has it.
    explicit OnDemand(bool read_stdin);
    ~OnDemand();
    OnDemand(const OnDemand&) = delete;
    OnDemand& operator=(const OnDemand&) = delete;

    // Was it asked for since the last call? Never waits.
    [[nodiscard]] bool asked();

  private:
    bool enter_pressed();
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace stakeout
