#include "loader/verdict.h"

#include <fmt/format.h>

#include <fstream>

namespace stakeout {

Error explain_refusal(Error error, const ScriptProgram::Refusal& refusal, const ScriptText& script,
                      const std::string& log_file) {
    (void)script;
    if (!log_file.empty()) std::ofstream(log_file) << refusal.log;
    error.cause += fmt::format(
        ":\n{}", refusal.log.substr(refusal.log.size() - std::min<std::size_t>(refusal.log.size(), 2000)));
    return error;
}

} // namespace stakeout
