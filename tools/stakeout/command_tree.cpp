#include "tools/stakeout/command_tree.h"

#include <algorithm>
#include <map>

namespace stakeout {
namespace {

struct Meaning {
    WordKind kind = WordKind::Text;
    std::vector<std::string> choices;
};

// What CLI11 does not know of an option: which things its value names. By the option's longest name.
Meaning meaning_of(const std::string& name) {
    static const std::map<std::string, Meaning> meanings{
        {"--symbol", {WordKind::Symbol, {}}},
        {"--via", {WordKind::Symbol, {}}},
        {"--only-from", {WordKind::Symbol, {}}},
        {"--not-from", {WordKind::Symbol, {}}},
        {"--pid", {WordKind::Pid, {}}},
        {"--script", {WordKind::File, {}}},
        {"--vmlinux", {WordKind::File, {}}},
        {"--record", {WordKind::File, {}}},
        {"--html", {WordKind::File, {}}},
        {"--out", {WordKind::File, {}}},
        {"--symfs", {WordKind::File, {}}},
        {"--config", {WordKind::File, {}}},
        {"--ttl", {WordKind::Duration, {"30s", "10m", "1h", "2h", "1d"}}},
        {"--wait", {WordKind::Duration, {"1m", "10m", "1h"}}},
        {"--color", {WordKind::Choice, {"auto", "always", "never"}}},
        {"--by", {WordKind::Choice, {"stack", "task", "function", "value"}}},
        {"--to", {WordKind::Choice, {"perf-script", "folded", "perfetto", "pprof", "jsonl"}}},
        {"watch", {WordKind::Watch, {}}},
        {"what", {WordKind::WatchOrFile, {}}},
        {"recording", {WordKind::File, {}}},
        {"program", {WordKind::File, {}}},
    };
    const auto found = meanings.find(name);
    return found != meanings.end() ? found->second : Meaning();
}

// "text, json or folded" says itself which words are meant.
std::vector<std::string> outputs_in(const std::string& description) {
    std::vector<std::string> words;
    for (const char* word : {"text", "json", "folded", "dot"})
        if (description.find(word) != std::string::npos) words.emplace_back(word);
    return words;
}

OptionFacts facts_of(const CLI::Option& option) {
    OptionFacts facts;
    for (const std::string& name : option.get_lnames()) facts.names.push_back("--" + name);
    for (const std::string& name : option.get_snames()) facts.names.push_back("-" + name);
    if (facts.names.empty()) facts.names.push_back(option.get_name());
    facts.description = option.get_description();
    facts.group = option.get_group();
    facts.standard = option.get_default_str();
    facts.takes_value = option.get_type_size_max() != 0;
    facts.takes_many = option.get_items_expected_max() > 1;
    facts.is_required = option.get_required();
    const Meaning meaning = meaning_of(facts.names.front());
    facts.kind = meaning.kind;
    facts.choices = meaning.choices;
    if (facts.names.front() == "--output") {
        facts.kind = WordKind::Choice;
        facts.choices = outputs_in(facts.description);
    }
    return facts;
}

} // namespace

CommandFacts command_tree(const CLI::App& app) {
    CommandFacts facts{app.get_name(), app.get_description(), app.get_footer(), {}, {}};
    for (const CLI::Option* option : app.get_options())
        if (!option->get_group().empty()) facts.options.push_back(facts_of(*option));
    const auto hidden = [](const CLI::App* command) { return command->get_group().empty(); };
    for (const CLI::App* command : app.get_subcommands(std::function<bool(const CLI::App*)>()))
        if (!hidden(command)) facts.commands.push_back(command_tree(*command));
    return facts;
}

std::string_view to_word(WordKind kind) {
    switch (kind) {
    case WordKind::File:
        return "file";
    case WordKind::Watch:
        return "watch";
    case WordKind::WatchOrFile:
        return "watch-or-file";
    case WordKind::Symbol:
        return "symbol";
    case WordKind::Pid:
        return "pid";
    case WordKind::Duration:
        return "duration";
    case WordKind::Choice:
        return "choice";
    case WordKind::Command:
        return "command";
    case WordKind::Text:
        break;
    }
    return "text";
}

} // namespace stakeout
