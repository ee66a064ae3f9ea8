#include "loader/compiler/llvm_guard.h"

#include <llvm/Support/CrashRecoveryContext.h>
#include <llvm/Support/ErrorHandling.h>
#include <llvm/Support/TargetSelect.h>

#include <cstdlib>
#include <span>

extern "C" {
void LLVMInitializeBPFTargetInfo();
void LLVMInitializeBPFTarget();
void LLVMInitializeBPFTargetMC();
void LLVMInitializeBPFAsmPrinter();
void LLVMInitializeBPFAsmParser();

// From cmake/llvm.ld; without it (another linker) they are missing, and the constructors ran at the start.
using StaticConstructor = void (*)();
extern const StaticConstructor stakeout_llvm_constructors[] __attribute__((weak));
extern const StaticConstructor stakeout_llvm_constructors_end[] __attribute__((weak));
}

namespace stakeout {
namespace {

void on_fatal_error(void* last_words, const char* reason, bool) {
    *static_cast<std::string*>(last_words) = reason;
    if (auto* context = llvm::CrashRecoveryContext::GetCurrent()) context->HandleExit(1);
    std::abort(); // not reached: the handler is installed in guarded work only
}

} // namespace

void initialise_llvm() {
    static const bool once = [] {
        // Not a range of an array for the compiler, which may take weak symbols for never null.
        for (const StaticConstructor* next = stakeout_llvm_constructors;
             next != stakeout_llvm_constructors_end; ++next)
            (*next)();
        LLVMInitializeBPFTargetInfo();
        LLVMInitializeBPFTarget();
        LLVMInitializeBPFTargetMC();
        LLVMInitializeBPFAsmPrinter();
        LLVMInitializeBPFAsmParser();
        return true;
    }();
    (void)once;
}

bool run_guarded(llvm::function_ref<void()> work, std::string& last_words) {
    llvm::CrashRecoveryContext::Enable();
    bool finished = false;
    {
        llvm::ScopedFatalErrorHandler handler(on_fatal_error, &last_words);
        llvm::CrashRecoveryContext context;
        finished = context.RunSafely(work);
    }
    llvm::CrashRecoveryContext::Disable();
    if (!finished && last_words.empty()) last_words = "it crashed";
    return finished;
}

} // namespace stakeout
