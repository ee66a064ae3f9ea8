// Which helper a call in the IR is: libbpf's header gives each helper as a pointer with its number for an
// address.
#pragma once

#include <llvm/IR/Constants.h>
#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Operator.h>

#include <optional>

namespace stakeout {

inline std::optional<unsigned> called_helper(const llvm::CallBase& call) {
    const llvm::Value* callee = call.getCalledOperand()->stripPointerCasts();
    // Before optimisation the pointer is a variable.
    if (const auto* load = llvm::dyn_cast<llvm::LoadInst>(callee)) {
        const auto* variable =
            llvm::dyn_cast<llvm::GlobalVariable>(load->getPointerOperand()->stripPointerCasts());
        if (variable == nullptr || !variable->hasInitializer()) return std::nullopt;
        callee = variable->getInitializer();
    }
    const auto* cast = llvm::dyn_cast<llvm::ConstantExpr>(callee);
    if (cast == nullptr || cast->getOpcode() != llvm::Instruction::IntToPtr) return std::nullopt;
    const auto* number = llvm::dyn_cast<llvm::ConstantInt>(cast->getOperand(0));
    if (number == nullptr) return std::nullopt;
    return static_cast<unsigned>(number->getZExtValue());
}

} // namespace stakeout
