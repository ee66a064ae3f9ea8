#include "scripts/stomp/rule.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace stakeout {
namespace {

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool names_function(std::string_view writer, std::string_view function) {
    return function == writer || (function.size() > writer.size() && function.starts_with(writer) &&
                                  (function[writer.size()] == '.' || function[writer.size()] == '('));
}

} // namespace

bool names_writer(const std::vector<std::string>& writers, const Frame& frame) {
    return std::any_of(writers.begin(), writers.end(), [&frame](std::string_view writer) {
        const std::size_t colon = writer.find(':');
        if (colon == std::string_view::npos || writer.find("::") != std::string_view::npos)
            return names_function(writer, frame.symbol);
        const std::string_view module = writer.substr(0, colon);
        const std::string_view function = writer.substr(colon + 1);
        return file_name(frame.module) == module &&
               (function.empty() || names_function(function, frame.symbol));
    });
}

std::string describe(const StompRule& rule) {
    std::vector<std::string> parts;
    if (!rule.writers.empty()) parts.push_back(fmt::format("writes by {}", fmt::join(rule.writers, ", ")));
    if (rule.learn.count() != 0)
        parts.push_back(fmt::format("writes by whoever wrote in the first {:.3g} s",
                                    std::chrono::duration<double>(rule.learn).count()));
    if (!rule.valid.empty()) parts.push_back(fmt::format("values for which `{}` holds", rule.valid));
    if (rule.never_changes) parts.emplace_back("writes that leave the value as it is");
    return parts.empty() ? "nothing was said about it" : fmt::format("{}", fmt::join(parts, "; "));
}

} // namespace stakeout
