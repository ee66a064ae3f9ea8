// Two waits of the kernel's, had while the targets are still being looked up instead of after.
//
// The first perf event of a task switches scheduling hooks on, and the first breakpoint of a CPU makes all
// readers of the slot accounting step aside; each waits for an RCU grace period, some 10 ms, and the next
// ones within a grace period are free. So threads of ours open and close such events, disabled and on a word
// of our own, until the watch takes its slots. A slot is taken for microseconds; where there is none, nothing
// is gained and nothing is lost.
#pragma once

#include <thread>

namespace stakeout {

class WarmUp {
  public:
    WarmUp();
    // Ends the threads and waits for them; the destructor does so too.
    void finish();

  private:
    std::jthread task_;
    std::jthread cpu_;
};

} // namespace stakeout
