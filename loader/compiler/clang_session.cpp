#include "loader/compiler/clang_session.h"

#include <clang/Basic/Stack.h>
#include <clang/Basic/TargetInfo.h>
#include <clang/CodeGen/BackendUtil.h>
#include <clang/CodeGen/CodeGenAction.h>
#include <clang/Driver/Compilation.h>
#include <clang/Driver/Driver.h>
#include <clang/Frontend/CompilerInvocation.h>
#include <clang/Frontend/TextDiagnosticPrinter.h>
#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/DiagnosticInfo.h>
#include <llvm/IR/DiagnosticPrinter.h>
#include <llvm/Support/SourceMgr.h>

namespace stakeout {
namespace {

// What the driver would be given on a command line. BPF v3 has 32-bit instructions and jumps and is as old as
// ring buffers are (Linux 5.1).
std::vector<const char*> command_line(const char* script_path) {
    static const std::string headers = "-isystem" + std::string(ScriptFiles::header_folder);
    return {"clang", "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall",
            // Scripts declare maps and programs that nothing in C refers to; kernel enumerations come without
            // names.
            "-Wno-unused-function", "-Wno-missing-declarations", "-Wno-compare-distinct-pointer-types",
            "-Wno-visibility",
            // What C leaves undefined, and the verifier would call by another name.
            "-Werror=return-type", "-Werror=uninitialized",
            // libbpf's macros are many levels deep: the script's own line is what counts.
            "-fmacro-backtrace-limit=1",
            // A loop that never ends is told of, not taken for one that cannot happen.
            "-fno-finite-loops", "-fno-color-diagnostics", "-D__TARGET_ARCH_x86", "-D__x86_64__", "-nostdinc",
            headers.c_str(), "-x", "c", "-c", script_path};
}

class BackendDiagnostics : public llvm::DiagnosticHandler {
  public:
    BackendDiagnostics(llvm::raw_ostream& warnings, std::vector<ClangSession::Objection>& objections)
        : warnings_(warnings), objections_(objections) {}

    bool handleDiagnostics(const llvm::DiagnosticInfo& info) override {
        std::string text;
        llvm::raw_string_ostream out(text);
        llvm::DiagnosticPrinterRawOStream printer(out);
        if (info.getSeverity() == llvm::DS_Warning) {
            info.print(printer);
            warnings_ << "warning: " << text << '\n';
        } else if (info.getSeverity() == llvm::DS_Error) {
            int line = 0;
            if (const auto* unsupported = llvm::dyn_cast<llvm::DiagnosticInfoUnsupported>(&info)) {
                out << unsupported->getMessage();
                line = line_of(*unsupported);
            } else if (const auto* assembly = llvm::dyn_cast<llvm::DiagnosticInfoSrcMgr>(&info)) {
                out << "inline assembly: " << assembly->getSMDiag().getMessage() << " in `"
                    << assembly->getSMDiag().getLineContents().trim() << '`';
            } else {
                info.print(printer);
            }
            objections_.push_back({line, llvm::StringRef(text).trim().str()});
        }
        return true; // taken: nothing goes to stderr, nothing ends the process
    }

  private:
    static int line_of(const llvm::DiagnosticInfoWithLocationBase& info) {
        llvm::StringRef path;
        unsigned line = 0;
        unsigned column = 0;
        if (!info.isLocationAvailable()) return 0;
        info.getLocation(path, line, column);
        const std::string_view headers = ScriptFiles::header_folder;
        return path.starts_with(llvm::StringRef(headers.data(), headers.size())) ? 0 : static_cast<int>(line);
    }

    llvm::raw_ostream& warnings_;
    std::vector<ClangSession::Objection>& objections_;
};

} // namespace

ClangSession::ClangSession(const ScriptSource& source, llvm::IntrusiveRefCntPtr<ScriptFiles> files,
                           std::string& diagnostics)
    : source_(source), files_(std::move(files)), diagnostics_stream_(diagnostics) {}

ClangSession::~ClangSession() = default;

bool ClangSession::parse() {
    clang::noteBottomOfStack(); // so that Clang sees its end coming, where it looks
    auto options = llvm::makeIntrusiveRefCnt<clang::DiagnosticOptions>();
    auto printer = std::make_unique<clang::TextDiagnosticPrinter>(diagnostics_stream_, options.get());
    auto engine = llvm::makeIntrusiveRefCnt<clang::DiagnosticsEngine>(
        llvm::makeIntrusiveRefCnt<clang::DiagnosticIDs>(), options, printer.release());
    clang::CreateInvocationOptions how;
    how.Diags = engine;
    how.VFS = files_;
    std::shared_ptr<clang::CompilerInvocation> invocation =
        clang::createInvocation(command_line(source_.path.c_str()), how);
    if (!invocation) return false;
    // A watch lives long after its compilation.
    invocation->getFrontendOpts().DisableFree = false;
    invocation->getCodeGenOpts().DisableFree = false;
    invocation->getDiagnosticOpts().ShowColors = false;

    clang_.setInvocation(std::move(invocation));
    auto shown =
        std::make_unique<clang::TextDiagnosticPrinter>(diagnostics_stream_, &clang_.getDiagnosticOpts());
    clang_.createDiagnostics(shown.release());
    clang_.setVerboseOutputStream(llvm::nulls()); // "1 error generated."
    const auto manager = llvm::makeIntrusiveRefCnt<clang::FileManager>(clang_.getFileSystemOpts(), files_);
    clang_.setFileManager(manager.get());
    clang_.getCodeGenOpts().DisableLLVMPasses = true;
    clang::EmitLLVMOnlyAction action(&context_);
    const bool parsed = clang_.ExecuteAction(action);
    module_ = action.takeModule();
    if (!parsed || !module_) return false;
    context_.setDiagnosticHandler(std::make_unique<BackendDiagnostics>(diagnostics_stream_, objections_));
    return true;
}

bool ClangSession::run_backend(bool with_passes, std::vector<char>* object) {
    clang_.getCodeGenOpts().DisableLLVMPasses = !with_passes;
    llvm::SmallVector<char, 0> bytes;
    std::unique_ptr<llvm::raw_pwrite_stream> out;
    if (object != nullptr) out = std::make_unique<llvm::raw_svector_ostream>(bytes);
    clang::EmitBackendOutput(
        clang_.getDiagnostics(), clang_.getHeaderSearchOpts(), clang_.getCodeGenOpts(),
        clang_.getTargetOpts(), clang_.getLangOpts(), clang_.getTarget().getDataLayoutString(), module_.get(),
        object != nullptr ? clang::Backend_EmitObj : clang::Backend_EmitNothing, files_, std::move(out));
    if (object != nullptr) object->assign(bytes.begin(), bytes.end());
    return objections_.empty() && !clang_.getDiagnostics().hasErrorOccurred();
}

bool ClangSession::optimise() { return run_backend(true, nullptr); }

bool ClangSession::generate(std::vector<char>& object) { return run_backend(false, &object); }

} // namespace stakeout
