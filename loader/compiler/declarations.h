// The inspector's look at what a script declares: maps, fields, functions and variables of nowhere. Both look
// at debug information and unoptimised IR.
#pragma once

#include "loader/compiler/finding.h"

#include <llvm/IR/Module.h>

#include <vector>

namespace stakeout {

void inspect_maps(const llvm::Module& module, std::vector<Finding>& findings);
void inspect_fields(const llvm::Module& module, std::vector<Finding>& findings);
void inspect_undefined(const llvm::Module& module, std::vector<Finding>& findings);

// Assembly that would read files: the assembler has the real file system.
void inspect_assembly(const llvm::Module& module, std::vector<Finding>& findings);

} // namespace stakeout
