// A command of a program: it has registered its options with CLI11, and runs when it was chosen.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>

namespace stakeout {

struct Command {
    CLI::App* app = nullptr;
    std::function<int()> run; // the answer is the process's exit status
};

} // namespace stakeout
