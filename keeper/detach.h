// A watch that outlives the terminal it was started from: the process forks before it has done anything, the
// child arms and stays, the parent waits until the child is armed or has failed, and ends with its word.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"

#include <memory>
#include <optional>
#include <string>

namespace stakeout {

class Detached {
  public:
    // To be called before threads are started and descriptors opened. In the child: a Detached; in the
    // parent: the exit status, after what the child told as ready was printed on stdout. Until it is ready
    // the child writes its errors to our stderr, and ends if the parent is killed.
    struct Outcome {
        std::optional<int> exit_status;     // in the parent
        std::unique_ptr<Detached> detached; // in the child
    };
    static Result<Outcome> begin();

    // Armed: `line` is printed by the parent, which ends; stdin, stdout and stderr are let go.
    void ready(const std::string& line);

  private:
    explicit Detached(OwnedFd report) : report_(std::move(report)) {}
    OwnedFd report_;
};

} // namespace stakeout
