// Our own look at a script before the kernel sees it: what would be refused, or does harm, is told at its
// line and in the script's terms (Error); what the verifier often refuses is kept for its explanation (Hint).
// Says nothing about headers, ours or libbpf's.
#pragma once

#include "loader/compiler/finding.h"

#include <llvm/IR/Module.h>

#include <string>
#include <vector>

namespace stakeout {

// As Clang wrote it, one instruction for each thing that the script says.
void inspect_source(const llvm::Module& module, std::vector<Finding>& findings);

// As it will run: inlined, loops unrolled, constants known.
void inspect_optimised(llvm::Module& module, std::vector<Finding>& findings);

// What the code generator objected to, at `line`: its message -> a finding.
Finding explain_code_generator(int line, const std::string& message);

// In the order of the lines, each once.
void tidy_findings(std::vector<Finding>& findings);

} // namespace stakeout
