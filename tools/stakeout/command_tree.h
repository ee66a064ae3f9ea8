// The commands and their options as data, out of the command line's own description of itself: --help, the
// completions and the manual's option lists cannot disagree, since all come from here.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

// What a word on the command line may be: what completions offer for it.
enum class WordKind { Text, File, Watch, WatchOrFile, Symbol, Pid, Duration, Choice, Command };

struct OptionFacts {
    std::vector<std::string> names;           // "--symbol", "-s"; one without dashes: a positional
    std::string description, group, standard; // standard: its value where it is not given
    bool takes_value = false, takes_many = false, is_required = false;
    WordKind kind = WordKind::Text;
    std::vector<std::string> choices;
    [[nodiscard]] bool is_positional() const { return !names.front().starts_with('-'); }
};

struct CommandFacts {
    std::string name, description, footer;
    std::vector<OptionFacts> options;
    std::vector<CommandFacts> commands;
};

CommandFacts command_tree(const CLI::App& app);

std::string_view to_word(WordKind kind); // "watch", "symbol", ...

} // namespace stakeout
