#include "loader/verdict.h"

#include "base/owned_fd.h"
#include "base/write_all.h"
#include "loader/verifier_log.h"
#include "loader/verifier_rules.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace stakeout {
namespace {

// The log holds kernel addresses: nobody else's to read. What became of it.
std::string keep_log(const std::string& path, const std::string& log) {
    const OwnedFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    // Its rights too: it may have been there.
    if (!file || ::fchmod(file.get(), S_IRUSR | S_IWUSR) != 0 || !write_all(file.get(), log))
        return fmt::format("the verifier's log could not be written to {}: {}", path, std::strerror(errno));
    return fmt::format("the verifier's whole log is in {}", path);
}

bool is_about_loops(const Finding& finding) { return finding.rule.find("loop") != std::string::npos; }

// Our own look knows where the loops are; the verifier only knows where it lost patience.
int line_of_loop(const std::vector<Finding>& findings, int otherwise) {
    const auto found = std::find_if(findings.begin(), findings.end(), is_about_loops);
    return found != findings.end() && found->line > 0 ? found->line : otherwise;
}

// Maps are made before the verifier sees anything.
bool map_failed(const Error& error) {
    return error.cause.find("create map") != std::string::npos ||
           error.cause.find("create_map") != std::string::npos;
}

void explain_without_log(Error& error, const std::string& words) {
    if (words.find("bpf_task_work") != std::string::npos) {
        error.cause = "this kernel has no task context for scripts: on_task(f) needs Linux 6.18";
        error.remedy = "use on_followup(f), with snapshot_user() for memory that is paged in";
    } else if (words.find("not found in kernel") != std::string::npos) {
        const std::size_t quote = words.find('\'');
        error.cause = fmt::format("this kernel does not have {}, which the script names",
                                  words.substr(quote, words.find('\'', quote + 1) - quote + 1));
        error.remedy = "current_task() and typed fields need no symbols; __weak makes it optional";
    } else if (map_failed(error)) {
        error.remedy = "make the state smaller: fewer entries of per_key(), a smaller value";
    }
}

} // namespace

Error explain_refusal(Error error, const std::string& verifier_log, const ScriptText& script,
                      const std::string& log_file) {
    const std::string note = log_file.empty() ? "" : keep_log(log_file, verifier_log);
    if (verifier_log.empty()) {
        explain_without_log(error, error.cause);
        return error;
    }
    VerifierEnd end = end_of_verifier_log(verifier_log, script.name, script.text);
    RuleInWords rule = rule_in_words(end.sentence, end.call);
    const bool loop = rule.what.find("loop") != std::string::npos;
    if (loop) end.line = line_of_loop(script.findings, end.line);
    const auto finding =
        std::find_if(script.findings.begin(), script.findings.end(), [&](const Finding& one) {
            return end.line != 0 && one.line == end.line && (!loop || is_about_loops(one));
        });
    std::string place = end.line > 0 ? fmt::format("{}:{}", script.name, end.line) : script.name;
    if (rule.what.empty()) rule.what = "the kernel's verifier does not accept this";
    error.cause = fmt::format("the kernel's verifier refused it:\n  {}: {}", place, rule.what);
    if (const std::string_view line = line_of_text(script.text, end.line); !line.empty())
        error.cause += fmt::format("\n      {}", line);
    if (finding != script.findings.end())
        error.cause += fmt::format("\n    our own look says: {}", finding->text);
    if (!rule.instead.empty()) error.cause += fmt::format("\n    instead: {}", rule.instead);
    error.cause +=
        fmt::format("\n    the verifier's words: {}",
                    end.sentence.empty() ? "none; the log ends without an objection" : end.sentence);
    error.remedy = note.empty() ? "--verifier-log FILE keeps its whole log" : note;
    return error;
}

} // namespace stakeout
