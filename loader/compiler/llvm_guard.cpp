#include "loader/compiler/llvm_guard.h"

#include <llvm/Support/CrashRecoveryContext.h>
#include <llvm/Support/ErrorHandling.h>
#include <llvm/Support/TargetSelect.h>

#include <signal.h>

#include <cstdlib>
#include <vector>

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

// Clang goes as deep as the script does. When the stack ends, LLVM's own handler needs another one to run on.
class StackForHandlers {
  public:
    StackForHandlers() : room_(room_bytes) {
        stack_t own{};
        own.ss_sp = room_.data();
        own.ss_size = room_.size();
        ::sigaltstack(&own, &before_);
        for (const int number : {SIGSEGV, SIGBUS}) {
            struct sigaction handler{};
            ::sigaction(number, nullptr, &handler);
            handler.sa_flags |= SA_ONSTACK;
            ::sigaction(number, &handler, nullptr);
        }
    }
    StackForHandlers(const StackForHandlers&) = delete;
    StackForHandlers& operator=(const StackForHandlers&) = delete;
    ~StackForHandlers() { ::sigaltstack(&before_, nullptr); }

  private:
    static constexpr std::size_t room_bytes = 256UL * 1024;
    std::vector<char> room_;
    stack_t before_{};
};

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
        const StackForHandlers stack; // of the handlers that Enable() installed
        llvm::ScopedFatalErrorHandler handler(on_fatal_error, &last_words);
        llvm::CrashRecoveryContext context;
        finished = context.RunSafely(work);
    }
    llvm::CrashRecoveryContext::Disable();
    if (!finished && last_words.empty())
        last_words = "it crashed, as it does when expressions are nested too deep";
    return finished;
}

} // namespace stakeout
