#include "loader/compiler/compiler.h"

#include "loader/compiler/clang_session.h"
#include "loader/compiler/foreign_programs.h"
#include "loader/compiler/helper_rules.h"
#include "loader/compiler/inspector.h"
#include "loader/compiler/kernel_headers.h"
#include "loader/compiler/llvm_guard.h"
#include "loader/compiler/script_files.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>

namespace stakeout {
namespace {

// False: clang's diagnostics say why not. Where a finding says why not, there is no object.
bool compile(ClangSession& session, CompiledScript& script) {
    if (!session.parse()) return false;
    inspect_source(session.module(), script.findings);
    gather_foreign_programs(session.module());
    bool done = session.optimise();
    if (done) inspect_optimised(session.module(), script.findings);
    done = done && !script.refused() && session.generate(script.object);
    for (const ClangSession::Objection& objection : session.objections())
        script.findings.push_back(explain_code_generator(objection.line, objection.text));
    tidy_findings(script.findings);
    if (script.refused()) script.object.clear();
    return done || script.refused();
}

// "bpf_get_current_pid() is no helper": the compiler knows only that nobody declared it.
std::string with_nearest_helper(std::string diagnostics) {
    constexpr std::string_view before = "call to undeclared function '";
    const std::size_t found = diagnostics.find(before);
    // Without its last newline: an error's sentence goes on behind it.
    while (!diagnostics.empty() && diagnostics.back() == '\n') diagnostics.pop_back();
    if (found == std::string::npos) return diagnostics;
    const std::size_t start = found + before.size();
    const std::string name = diagnostics.substr(start, diagnostics.find('\'', start) - start);
    if (const std::string near = nearest_helper(name); !near.empty())
        diagnostics +=
            fmt::format("\nnote: there is no helper function {}(); the nearest is {}()", name, near);
    return diagnostics;
}

} // namespace

bool CompiledScript::refused() const {
    return std::ranges::any_of(
        findings, [](const Finding& finding) { return finding.severity == Finding::Severity::Error; });
}

Result<CompiledScript> compile_script(const ScriptSource& source, const CompileOptions& options) {
    const std::string tried = fmt::format("compile {}", source.path);
    auto vmlinux = vmlinux_header(source, options);
    if (!vmlinux) return std::move(vmlinux).error();
    CompiledScript script;
    std::string diagnostics;
    std::string last_words;
    bool compiled = false;
    initialise_llvm();
    const bool finished = run_guarded(
        [&] {
            auto files = llvm::makeIntrusiveRefCnt<ScriptFiles>(source.path, source.text, *vmlinux);
            ClangSession session(source, files, diagnostics);
            compiled = compile(session, script);
            script.read_local_files = files->read_local_files();
        },
        last_words);
    ::malloc_trim(0);
    // After an error Clang goes on with what it has understood, and may fall over it.
    const bool has_error = diagnostics.find(": error: ") != std::string::npos;
    if (!finished && !has_error)
        return arm_error(tried, fmt::format("the compiler gave up: {}", last_words),
                         "write it in a simpler way");
    if (!compiled)
        return arm_error(tried, with_nearest_helper(std::move(diagnostics)),
                         "mend the script; `stakeout check` looks at it without watching");
    script.warnings = std::move(diagnostics);
    return script;
}

} // namespace stakeout
