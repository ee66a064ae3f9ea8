// Starts a program and holds it at its entry point: all its libraries are mapped and relocated, not one
// instruction of its own has run. What is armed then sees everything from main (and its constructors) on.
#pragma once

#include "base/result.h"

#include <sys/types.h>

#include <string>
#include <vector>

namespace stakeout {

class LaunchedProgram {
  public:
    // Finds argv[0] in PATH. The program gets our standard streams, environment and directory. Error
    // (CannotArm): it cannot be executed or traced.
    static Result<LaunchedProgram> start(const std::vector<std::string>& arguments);
    LaunchedProgram(const LaunchedProgram&) = delete;
    LaunchedProgram& operator=(const LaunchedProgram&) = delete;
    LaunchedProgram(LaunchedProgram&& other) noexcept;
    LaunchedProgram& operator=(LaunchedProgram&&) = delete;
    ~LaunchedProgram(); // kills a program that was never let go

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] Status let_go(); // it runs from here, untraced

  private:
    explicit LaunchedProgram(pid_t pid) : pid_(pid) {}
    [[nodiscard]] Status run_to_entry() const;
    pid_t pid_;
    bool held_ = true;
};

} // namespace stakeout
