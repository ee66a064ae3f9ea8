// A script's file -> an object that can be opened: read, and compiled where it is source. Compiled objects
// are kept (loader/compiler/cache.h), so that the same script starts as fast as a plain watch the next time.
#pragma once

#include "base/result.h"
#include "loader/compiler/compiler.h"

#include <string>
#include <vector>

namespace stakeout {

struct ReadyScript {
    std::vector<char> object;      // ELF
    std::string text;              // its source; empty where an object was given
    std::vector<Finding> findings; // of our own look at it; only hints
};

// `notices`: for the user, as clang's warnings. Errors: the file cannot be read (Usage), it does not compile
// or our own look refuses it (CannotArm), with the script's lines.
Result<ReadyScript> read_script(const std::string& path, std::vector<std::string>& notices);

// Is this a BPF object, as `stakeout compile` makes them?
bool is_object(const std::vector<char>& bytes);
// Error (Usage): it has bytes that no source has.
Status is_text(const std::string& path, const std::vector<char>& bytes);

// A file as it is, at most 8 MiB. Error (Usage).
Result<std::vector<char>> read_script_file(const std::string& path);

// The error of a script that our own look refuses: every finding with its line.
Error refused_script(const std::string& name, const std::string& text, const std::vector<Finding>& findings);

} // namespace stakeout
