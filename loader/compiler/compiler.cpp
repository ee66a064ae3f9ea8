#include "loader/compiler/compiler.h"

#include "loader/compiler/clang_session.h"
#include "loader/compiler/foreign_programs.h"
#include "loader/compiler/kernel_headers.h"
#include "loader/compiler/llvm_guard.h"
#include "loader/compiler/script_files.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>

namespace stakeout {
namespace {

enum class Outcome { Compiled, HasErrors };

Outcome compile(ClangSession& session, CompiledScript& script) {
    if (!session.parse()) return Outcome::HasErrors;
    gather_foreign_programs(session.module());
    if (!session.optimise()) return Outcome::HasErrors;
    if (!session.generate(script.object)) return Outcome::HasErrors;
    return Outcome::Compiled;
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
    Outcome outcome = Outcome::HasErrors;
    initialise_llvm();
    const bool finished = run_guarded(
        [&] {
            auto files = llvm::makeIntrusiveRefCnt<ScriptFiles>(source.path, source.text, *vmlinux);
            ClangSession session(source, files);
            outcome = compile(session, script);
            diagnostics = session.diagnostics();
            script.read_local_files = files->read_local_files();
        },
        last_words);
    ::malloc_trim(0);
    if (!finished) return internal_error(tried, fmt::format("the compiler gave up: {}", last_words));
    if (outcome == Outcome::HasErrors)
        return arm_error(tried, diagnostics,
                         "mend the script; `stakeout check` looks at it without watching");
    script.warnings = std::move(diagnostics);
    return script;
}

} // namespace stakeout
