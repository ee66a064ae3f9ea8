#include "loader/compiler/foreign_programs.h"

#include <llvm/ADT/SmallVector.h>
#include <llvm/BinaryFormat/Dwarf.h>
#include <llvm/IR/DIBuilder.h>
#include <llvm/IR/DebugInfoMetadata.h>
#include <llvm/IR/GlobalVariable.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/Transforms/Utils/ModuleUtils.h>

namespace stakeout {
namespace {

bool is_program(const llvm::Function& function) {
    return !function.isDeclaration() && function.getSection() == program_section;
}

// The kernel wants a type (BTF) and line information of every function when it has one of any, and LLVM wants
// a place for each call of a function that has one.
llvm::DISubprogram* describe_wrapper(llvm::Module& module, const llvm::DISubprogram& like) {
    llvm::DIBuilder builder(module, true, like.getUnit());
    llvm::DIType* integer = builder.createBasicType("int", 32, llvm::dwarf::DW_ATE_signed);
    llvm::DIType* context = builder.createPointerType(nullptr, 64);
    auto* type = builder.createSubroutineType(builder.getOrCreateTypeArray({integer, context}));
    auto* described =
        builder.createFunction(like.getFile(), foreign_program, "", like.getFile(), like.getLine(), type,
                               like.getLine(), llvm::DINode::FlagPrototyped,
                               llvm::DISubprogram::SPFlagDefinition | llvm::DISubprogram::SPFlagOptimized);
    builder.createParameterVariable(described, "ctx", 1, like.getFile(), like.getLine(), context, true);
    builder.finalizeSubprogram(described);
    return described;
}

// An answer that nobody uses is optimised away, and what is left in its register may be a pointer, which the
// verifier does not let out of a function (Linux 6.18).
void use_answer(llvm::IRBuilder<>& build, llvm::CallInst* call) {
    if (!call->getType()->isIntegerTy()) return;
    auto* type = llvm::FunctionType::get(build.getVoidTy(), {call->getType()}, false);
    build.CreateCall(llvm::InlineAsm::get(type, "", "r", true), {call});
}

} // namespace

bool has_hit_program(const llvm::Module& module) {
    return llvm::any_of(module, is_program) || module.getFunction(own_program) != nullptr;
}

void gather_foreign_programs(llvm::Module& module) {
    if (module.getFunction(own_program) != nullptr) return;
    llvm::SmallVector<llvm::Function*, 4> programs;
    for (llvm::Function& function : module)
        if (is_program(function)) programs.push_back(&function);
    if (programs.empty()) return;

    llvm::LLVMContext& context = module.getContext();
    llvm::IRBuilder<> build(context);
    auto* type = llvm::FunctionType::get(build.getInt32Ty(), {build.getPtrTy()}, false);
    auto* wrapper = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, foreign_program, module);
    wrapper->setSection(program_section);
    const llvm::AttrBuilder options(context, programs.front()->getAttributes().getFnAttrs());
    wrapper->setAttributes(
        llvm::AttributeList().addFnAttributes(context, options)); // target, frame pointer ...
    wrapper->removeFnAttr(llvm::Attribute::NoInline);
    wrapper->removeFnAttr(llvm::Attribute::OptimizeNone);
    build.SetInsertPoint(llvm::BasicBlock::Create(context, "", wrapper));
    if (const auto* like = programs.front()->getSubprogram())
        wrapper->setSubprogram(describe_wrapper(module, *like));
    const bool only_one = programs.size() == 1;
    for (llvm::Function* program : programs) {
        if (const auto* place = program->getSubprogram();
            place != nullptr && wrapper->getSubprogram() != nullptr)
            build.SetCurrentDebugLocation(
                llvm::DILocation::get(context, place->getLine(), 0, wrapper->getSubprogram()));
        llvm::SmallVector<llvm::Value*, 1> arguments;
        for (const llvm::Argument& argument : program->args())
            arguments.push_back(argument.getType()->isPointerTy() && arguments.empty()
                                    ? static_cast<llvm::Value*>(wrapper->getArg(0))
                                    : llvm::Constant::getNullValue(argument.getType()));
        use_answer(build, build.CreateCall(program, arguments));
        program->setSection("");
        // One program becomes part of the wrapper, and has the whole stack. Several must not add theirs up;
        // they are hidden, which libbpf makes static functions of: the kernel checks those with what the
        // wrapper hands them. (Internal ones would be global for the kernel all the same, by their debug
        // information.)
        if (only_one) {
            program->setLinkage(llvm::GlobalValue::InternalLinkage);
            program->removeFnAttr(llvm::Attribute::NoInline);
            program->addFnAttr(llvm::Attribute::AlwaysInline);
        } else {
            program->setLinkage(llvm::GlobalValue::ExternalLinkage);
            program->setVisibility(llvm::GlobalValue::HiddenVisibility);
            program->removeFnAttr(llvm::Attribute::AlwaysInline);
            program->addFnAttr(llvm::Attribute::NoInline);
        }
    }
    build.CreateRet(build.getInt32(0));
    // libbpf scripts mark programs as used when they are static; the list would keep the old ones alive.
    llvm::removeFromUsedLists(module, [&](llvm::Constant* used) {
        return llvm::is_contained(programs, used->stripPointerCasts());
    });
}

} // namespace stakeout
