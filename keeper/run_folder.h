// /run/stakeout: where running watches are found. A watch called NAME has there
//
//   NAME.lock   locked (flock) while its process lives, by whatever signal it goes
//   NAME.sock   its control socket; there once it is armed
//
// The folder is root's alone (0700): whoever can connect could end a watch, and read memory that it recorded.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

// 1 to 48 of letters, digits, '-', '_' and '.', not beginning with '.'. Error: Usage.
Status check_watch_name(std::string_view name);

class RunFolder {
  public:
    // $STAKEOUT_RUN, else /run/stakeout; made if it is not there. Error (CannotArm): it cannot be made, or is
    // not ours alone.
    static Result<RunFolder> open();

    // The right to a name, until the descriptor is closed. Error (CannotArm): another watch has it.
    [[nodiscard]] Result<OwnedFd> reserve(const std::string& name) const;
    [[nodiscard]] bool is_held(const std::string& name) const; // its process lives
    // Removes what a name left, if nobody holds it any more.
    void forget_if_dead(const std::string& name) const;

    [[nodiscard]] std::string socket_path(const std::string& name) const;
    [[nodiscard]] std::string lock_path(const std::string& name) const;
    [[nodiscard]] std::vector<std::string> names() const; // of the watches with a socket, sorted
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    explicit RunFolder(std::string path) : path_(std::move(path)) {}
    std::string path_;
};

} // namespace stakeout
