// One script on its way through Clang and LLVM, in the steps that the compiler looks in between: parse to
// unoptimised IR, optimise, generate code. Used inside run_guarded() only.
#pragma once

#include "loader/compiler/compiler.h"
#include "loader/compiler/script_files.h"

#include <clang/Frontend/CompilerInstance.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/raw_ostream.h>

#include <memory>
#include <string>
#include <vector>

namespace stakeout {

class ClangSession {
  public:
    // `diagnostics`: Clang's, with the script's lines and carets, and warnings of the back end. They are the
    // caller's, who still has them when Clang crashes after it told of an error.
    ClangSession(const ScriptSource& source, llvm::IntrusiveRefCntPtr<ScriptFiles> files,
                 std::string& diagnostics);
    ~ClangSession();
    ClangSession(const ClangSession&) = delete;
    ClangSession& operator=(const ClangSession&) = delete;

    // Each: false when there were errors, told in the diagnostics.
    bool parse();
    bool optimise();
    bool generate(std::vector<char>& object);

    [[nodiscard]] llvm::Module& module() { return *module_; } // from parse() on

    // What the code generator cannot make instructions of; line 0: not of the script's own text.
    struct Objection {
        int line = 0;
        std::string text;
    };
    [[nodiscard]] const std::vector<Objection>& objections() const { return objections_; }

  private:
    bool run_backend(bool with_passes, std::vector<char>* object);

    const ScriptSource& source_;
    llvm::IntrusiveRefCntPtr<ScriptFiles> files_;
    llvm::raw_string_ostream diagnostics_stream_; // keeps nothing back
    llvm::LLVMContext context_;
    clang::CompilerInstance clang_;
    std::unique_ptr<llvm::Module> module_;
    std::vector<Objection> objections_;
};

} // namespace stakeout
