#include "tools/options/output_choice.h"

#include "tools/output/sinks.h"

#include <unistd.h>

#include <cstdlib>

namespace stakeout {

Result<bool> wants_colour(const std::string& choice) {
    if (choice == "always" || choice == "never") return choice == "always";
    if (choice == "auto") return ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
    return usage_error("use --color " + choice, "it is none of auto, always and never");
}

Result<std::unique_ptr<WatchListener>> make_sink(const std::string& format, bool colour) {
    if (format == "json") return make_json_sink(STDOUT_FILENO);
    if (format == "folded") return make_folded_sink(STDOUT_FILENO, STDERR_FILENO);
    if (format == "text") return make_text_sink(STDOUT_FILENO, STDERR_FILENO, {colour});
    return usage_error("use --output " + format, "it is none of text, json and folded");
}

} // namespace stakeout
