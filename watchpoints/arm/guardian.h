// The guardian ends a watch whose reader cannot: a child process that shares our file descriptors, sleeps
// until the time to live is over, and then closes every event if we have not done so ourselves (stopped by
// SIGSTOP, say, or blocked on a terminal that nobody reads). The slots are free then; the records stay in the
// ring, and we print them and the summary when we run again. If we die, it dies with us (PR_SET_PDEATHSIG),
// and with both the descriptors.
//
// Both sides may close and open events, so a word in shared memory says whose turn it is. A guardian that
// finds us stopped in the middle of a change, and still there two seconds later, kills us: that frees
// everything as well.
#pragma once

#include "base/result.h"

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace stakeout {

class Guardian {
  public:
    // `capacity`: most descriptors it may have to close. It acts `grace_ns` after the deadline.
    static Result<std::unique_ptr<Guardian>> start(std::size_t capacity, std::uint64_t deadline_ns,
                                                   std::uint64_t grace_ns);
    ~Guardian(); // ends the child
    Guardian(const Guardian&) = delete;
    Guardian& operator=(const Guardian&) = delete;

    // Between begin_change and end_change, where the guardian could act just now.
    void set_deadline(std::uint64_t deadline_ns);
    // Brackets every change of the descriptors. begin_change is false if the guardian has ended the watch:
    // the descriptors are closed, their numbers must not be closed again.
    [[nodiscard]] bool begin_change();
    void end_change();
    // Which descriptor (and, after it acted, which final count) is at `index`; between begin_change and
    // end_change.
    void put(std::size_t index, int fd);
    [[nodiscard]] bool has_acted() const;
    [[nodiscard]] std::uint64_t final_count(std::size_t index) const;

  private:
    struct Shared;
    Guardian(Shared* shared, std::size_t bytes) : shared_(shared), bytes_(bytes) {}
    Shared* shared_; // mapped, shared with the child
    std::size_t bytes_;
    pid_t child_ = -1;
};

} // namespace stakeout
