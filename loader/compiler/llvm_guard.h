// LLVM as a guest in this process: initialised at its first use, and never the one to end us or to write to
// stderr.
#pragma once

#include <llvm/ADT/STLFunctionalExtras.h>

#include <string>

namespace stakeout {

// Runs the constructors of LLVM's and Clang's static objects (cmake/llvm.ld keeps them out of our start) and
// registers the BPF back end; once, any number of calls.
void initialise_llvm();

// Runs `work`. False when LLVM gave up in it (a fatal error, an abort or a crash); `last_words` then holds
// the reason, memory that `work` held is lost, and no more work should be given to LLVM.
bool run_guarded(llvm::function_ref<void()> work, std::string& last_words);

} // namespace stakeout
