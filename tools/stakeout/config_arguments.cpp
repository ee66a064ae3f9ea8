#include "tools/stakeout/config_arguments.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

namespace stakeout {
namespace {

constexpr std::string_view option = "--config";

Result<std::vector<std::string>> arguments_in(const std::string& path) {
    std::ifstream file(path);
    if (!file) return usage_error("read the options in " + path, "it cannot be opened");
    std::vector<std::string> arguments;
    try {
        for (const CLI::ConfigItem& item : CLI::ConfigTOML().from_config(file)) {
            if (item.name == "++" || item.name == "--") continue; // the library's word for a section's ends
            if (!item.parents.empty() || item.name.empty() || item.name.starts_with('-') ||
                item.name == "config")
                return usage_error("read the options in " + path,
                                   fmt::format("'{}' is no option of `stakeout watch`", item.fullname()),
                                   "a line an option, without dashes: symbol = \"my_state\"");
            for (const std::string& value : item.inputs)
                // A flag is there or not; every other value belongs to its option, whatever it begins with.
                if (value == "true")
                    arguments.push_back("--" + item.name);
                else if (value != "false")
                    arguments.push_back(fmt::format("--{}={}", item.name, value));
        }
    } catch (const CLI::Error& error) { // the library's way to say what it cannot read
        return usage_error("read the options in " + path, error.what());
    }
    return arguments;
}

} // namespace

Result<std::vector<std::string>> with_config(std::vector<std::string> arguments) {
    if (arguments.empty() || arguments.front() != "watch") return arguments;
    const auto end = std::find(arguments.begin(), arguments.end(), "--");
    const auto found = std::find_if(arguments.begin(), end, [](const std::string& word) {
        return word == option || word.starts_with(std::string(option) + "=");
    });
    if (found == end) return arguments;
    std::string path;
    auto after = found + 1;
    if (*found != option) {
        path = found->substr(option.size() + 1);
    } else {
        if (after == end) return usage_error("read options from a file", "--config stands without one");
        path = *after++;
    }
    auto inside = arguments_in(path);
    if (!inside) return inside;
    const auto place = arguments.erase(found, after);
    arguments.insert(place, inside->begin(), inside->end());
    return arguments;
}

} // namespace stakeout
