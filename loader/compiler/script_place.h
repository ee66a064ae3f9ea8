// Where in the script something stands: the innermost place that is the user's own text, through inlined
// calls. Our headers and libbpf's are taken for right.
#pragma once

#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/DebugInfoMetadata.h>
#include <llvm/IR/Instruction.h>

#include <string>

namespace stakeout {

struct ScriptPlace {
    int line = 0;           // 0: nothing of the user's
    std::string other_file; // empty: the script itself; else a file in its folder
    bool in_header = false; // the instruction itself is a header's, called or expanded at this place

    [[nodiscard]] explicit operator bool() const { return line != 0; }
};

ScriptPlace script_place(const llvm::Instruction& instruction);
ScriptPlace script_place(const llvm::DILocation* location);
// Where the loop is written, or the first thing in it that has a place.
ScriptPlace script_place(const llvm::Loop& loop);
// Of a variable or type.
ScriptPlace script_place(const llvm::DIFile* file, unsigned line);

} // namespace stakeout
