// The kernel verifier's refusal of a script, in words: which line of the script, which rule, what to write
// instead.
#pragma once

#include "base/result.h"
#include "loader/compiler/finding.h"
#include "loader/script_program.h"

#include <span>
#include <string>
#include <vector>

namespace stakeout {

struct ScriptText {
    const std::string& name; // as messages call it
    const std::string& text; // its source; empty for an object without source at hand
    const std::vector<Finding>& findings;
};

// `error` as ScriptProgram::load() gave it, with the cause and the remedy in the script's terms; the cause
// shows the line itself. `log_file`: where the whole log is to be kept (0600), empty: nowhere; what became of
// that is told too.
Error explain_refusal(Error error, const std::string& verifier_log, const ScriptText& script,
                      const std::string& log_file);

} // namespace stakeout
