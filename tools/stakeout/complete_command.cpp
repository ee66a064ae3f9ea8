// `stakeout complete`: what the shells' completions ask (packaging/completions). `stakeout describe`: the
// commands as JSON, for the manual's option lists and for tests. Neither is for people, and neither is in
// --help.
#include "keeper/run_folder.h"
#include "tools/stakeout/command_tree.h"
#include "tools/stakeout/commands.h"
#include "watchpoints/target/kernel_symbols.h"

#include "base/text_file.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <memory>
#include <system_error>

namespace stakeout {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t most_offered = 400;        // a shell's menu with ten thousand symbols helps nobody
constexpr std::string_view files_too = ":files"; // the shell adds its own

struct Offer {
    std::string word, description;
};

class Completion {
  public:
    Completion(const CommandFacts& tree, std::vector<std::string> words)
        : command_(&tree), words_(std::move(words)) {}

    void run() {
        if (words_.empty()) words_.emplace_back();
        prefix_ = words_.back();
        words_.pop_back();
        read_words();
        if (after_dashes_) {
            fmt::print("{}\n", files_too);
            return;
        }
        if (wanted_ != nullptr)
            offer_values(*wanted_, prefix_);
        else if (const auto equals = prefix_.find('=');
                 prefix_.starts_with("--") && equals != std::string::npos)
            offer_value_after_equals(equals);
        else if (prefix_.starts_with('-'))
            offer_options();
        else
            offer_words();
        print();
    }

  private:
    // What the words before the cursor have chosen.
    void read_words() {
        for (const std::string& word : words_) {
            if (after_dashes_) return;
            if (wanted_ != nullptr) {
                wanted_ = nullptr;
                continue;
            }
            if (word == "--") {
                after_dashes_ = true;
            } else if (word.starts_with('-')) {
                const OptionFacts* option = option_named(word);
                if (option != nullptr && option->takes_value) wanted_ = option;
            } else if (const CommandFacts* command = command_named(word)) {
                command_ = command;
                positionals_ = 0;
            } else {
                ++positionals_;
            }
        }
    }

    [[nodiscard]] const OptionFacts* option_named(const std::string& word) const {
        for (const OptionFacts& option : command_->options)
            if (std::ranges::find(option.names, word) != option.names.end()) return &option;
        return nullptr;
    }
    [[nodiscard]] const CommandFacts* command_named(const std::string& word) const {
        for (const CommandFacts& command : command_->commands)
            if (command.name == word) return &command;
        return nullptr;
    }

    void offer(const std::string& word, const std::string& description = {}) {
        if (word.starts_with(prefix_) && offers_.size() < most_offered)
            offers_.push_back({word, description});
    }

    void offer_options() {
        for (const OptionFacts& option : command_->options)
            if (!option.is_positional()) offer(option.names.front(), option.description);
    }

    void offer_words() {
        for (const CommandFacts& command : command_->commands) offer(command.name, command.description);
        std::size_t position = 0;
        for (const OptionFacts& option : command_->options) {
            if (!option.is_positional()) continue;
            if (position++ == positionals_ || option.takes_many) {
                offer_values(option, prefix_);
                return;
            }
        }
    }

    void offer_value_after_equals(std::size_t equals) {
        const OptionFacts* option = option_named(prefix_.substr(0, equals));
        if (option == nullptr) return;
        head_ = prefix_.substr(0, equals + 1);
        prefix_.erase(0, equals + 1);
        offer_values(*option, prefix_);
    }

    void offer_values(const OptionFacts& option, const std::string& prefix) {
        for (const std::string& choice : option.choices) offer(choice);
        switch (option.kind) {
        case WordKind::File:
            with_files_ = true;
            break;
        case WordKind::WatchOrFile:
            with_files_ = true;
            [[fallthrough]];
        case WordKind::Watch:
            if (auto folder = RunFolder::open())
                for (const std::string& name : folder->names()) offer(name, "running watch");
            break;
        case WordKind::Symbol:
            offer_symbols(prefix);
            break;
        case WordKind::Pid:
            offer_processes();
            break;
        default:
            break;
        }
    }

    void offer_symbols(const std::string& prefix) {
        if (prefix.empty()) return;
        auto text = read_text_file("/proc/kallsyms");
        if (!text) return;
        std::string_view rest(*text);
        while (!rest.empty() && offers_.size() < most_offered) {
            const auto end = std::min(rest.find('\n'), rest.size());
            const std::string_view line = rest.substr(0, end);
            rest.remove_prefix(std::min(end + 1, rest.size()));
            // "ffffffff81000000 T name\t[module]"
            const auto name_at = line.find(' ', line.find(' ') + 1);
            if (name_at == std::string_view::npos) continue;
            const std::string_view name = line.substr(name_at + 1, line.find('\t') - name_at - 1);
            if (name.starts_with(prefix)) offer(std::string(name));
        }
    }

    void offer_processes() {
        std::error_code error;
        for (auto entry = std::filesystem::directory_iterator("/proc", error);
             !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
            const std::string pid = entry->path().filename().string();
            if (!std::ranges::all_of(pid, [](unsigned char c) { return std::isdigit(c) != 0; })) continue;
            auto name = read_text_file(entry->path().string() + "/comm");
            if (name && !name->empty()) offer(pid, name->substr(0, name->size() - 1));
        }
    }

    void print() const {
        for (const Offer& offer : offers_) {
            std::string description = offer.description;
            std::ranges::replace_if(description, [](unsigned char c) { return c < ' '; }, ' ');
            fmt::print("{}{}\t{}\n", head_, offer.word, description);
        }
        if (with_files_) fmt::print("{}\n", files_too);
    }

    const CommandFacts* command_;
    std::vector<std::string> words_;
    std::string prefix_, head_;
    const OptionFacts* wanted_ = nullptr; // whose value is being typed
    bool after_dashes_ = false, with_files_ = false;
    std::size_t positionals_ = 0;
    std::vector<Offer> offers_;
};

Json to_json(const OptionFacts& option) {
    return {{"names", option.names},
            {"description", option.description},
            {"group", option.group},
            {"default", option.standard},
            {"takes_value", option.takes_value},
            {"takes_many", option.takes_many},
            {"required", option.is_required},
            {"kind", to_word(option.kind)},
            {"choices", option.choices}};
}

Json to_json(const CommandFacts& command) {
    Json json{{"name", command.name}, {"description", command.description}, {"footer", command.footer}};
    json["options"] = Json::array();
    for (const OptionFacts& option : command.options) json["options"].push_back(to_json(option));
    json["commands"] = Json::array();
    for (const CommandFacts& inner : command.commands) json["commands"].push_back(to_json(inner));
    return json;
}

} // namespace

Command add_complete_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand("complete", "Candidates for the last word, for shells")->group("");
    auto words = std::make_shared<std::vector<std::string>>();
    command->add_option("words", *words, "The command line so far, after --");
    return {command, [words, &app] {
                const CommandFacts tree = command_tree(app);
                Completion(tree, *words).run();
                return 0;
            }};
}

Command add_describe_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand("describe", "All commands and options as JSON")->group("");
    return {command, [&app] {
                fmt::print("{}\n", to_json(command_tree(app)).dump(1));
                return 0;
            }};
}

} // namespace stakeout
