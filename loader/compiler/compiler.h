// The text of a monitor script (C) -> a BPF object (ELF), in this process: Clang and LLVM with the BPF back
// end only. Needs no file of the host but the kernel's own BTF, and that only for the kernel types that the
// script names.
//
// Headers come from inside the binary; only files in the script's own folder are read beside it. Nothing of
// LLVM is touched, and no memory of it is used, before the first call. Not for more than one thread at a
// time.
#pragma once

#include "base/result.h"
#include "loader/compiler/finding.h"

#include <string>
#include <vector>

namespace stakeout {

struct ScriptSource {
    std::string path; // as shown in diagnostics; its folder is where #include "mine.h" looks
    std::string text;
};

struct CompileOptions {
    bool portable = false; // for another kernel: accesses to kernel types are relocated there (CO-RE)
};

struct CompiledScript {
    std::vector<char> object;      // ELF, to be opened by libbpf; empty when a finding is an Error
    std::string warnings;          // clang's, with the script's lines; may be empty
    std::vector<Finding> findings; // in the order of the lines
    bool read_local_files = false; // what it includes may change without the script: not to be cached

    [[nodiscard]] bool refused() const; // a finding is an Error
};

// A script in plain libbpf style, one without a function `stakeout_hit`, gets one program more,
// `int stakeout_foreign(void *ctx)` in section "perf_event", which calls all its programs of that section in
// order; these become ordinary functions.
//
// Error (CannotArm): it does not compile; the cause is clang's diagnostics, several lines with the script's
// text and carets. Or: the running kernel has no BTF and the script names a type of the kernel.
Result<CompiledScript> compile_script(const ScriptSource& source, const CompileOptions& options);

} // namespace stakeout
