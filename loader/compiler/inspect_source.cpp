// The part of the inspector that looks at unoptimised IR.
#include "loader/compiler/declarations.h"
#include "loader/compiler/foreign_programs.h"
#include "loader/compiler/helper_call.h"
#include "loader/compiler/helper_rules.h"
#include "loader/compiler/inspector.h"
#include "loader/compiler/script_place.h"

#include <fmt/format.h>
#include <llvm/ADT/SetVector.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>

namespace stakeout {
namespace {

using llvm::Function;

constexpr std::uint64_t most_delay_us = 10'000'000; // SO_MAX_DELAY_US
constexpr std::uint64_t most_snapshot = 4096;       // SO_SNAPSHOT_BYTES

void add_error(std::vector<Finding>& findings, const ScriptPlace& place, std::string rule, std::string text,
               std::string instead) {
    if (!place) return;
    if (!place.other_file.empty()) text = fmt::format("{}:{}: {}", place.other_file, place.line, text);
    findings.push_back({Finding::Severity::Error, place.other_file.empty() ? place.line : 0, std::move(rule),
                        std::move(text), std::move(instead)});
}

// What runs at a hit: the functions of the section, and all that these name.
llvm::SetVector<const Function*> reached_in_hit(const llvm::Module& module) {
    llvm::SetVector<const Function*> reached;
    for (const Function& function : module)
        if (function.getSection() == program_section) reached.insert(&function);
    for (unsigned next = 0; next < reached.size(); ++next)
        for (const llvm::Instruction& instruction : llvm::instructions(*reached[next]))
            for (const llvm::Value* operand : instruction.operands())
                if (const auto* function = llvm::dyn_cast<Function>(operand->stripPointerCasts()))
                    reached.insert(function);
    return reached;
}

void inspect_hit_call(const llvm::CallBase& call, std::vector<Finding>& findings) {
    std::optional<HelperRefusal> refusal;
    std::string name;
    if (const auto number = called_helper(call)) {
        refusal = refused_in_hit(*number);
        name = helper_name(*number);
    } else if (const Function* function = call.getCalledFunction();
               function != nullptr && function->isDeclaration()) {
        refusal = refused_in_hit(std::string_view(function->getName()));
        name = function->getName();
    }
    if (refusal)
        add_error(findings, script_place(call), "not-in-a-hit",
                  fmt::format("{}() cannot be called at a hit: {}", name, refusal->why),
                  std::string(refusal->instead));
}

const llvm::ConstantInt* constant_argument(const llvm::CallBase& call, unsigned index) {
    return index < call.arg_size() ? llvm::dyn_cast<llvm::ConstantInt>(call.getArgOperand(index)) : nullptr;
}

void inspect_call(const llvm::CallBase& call, std::vector<Finding>& findings) {
    if (const auto number = called_helper(call); number && helper_name(*number).empty())
        add_error(findings, script_place(call), "unknown-helper",
                  fmt::format("the kernel has no helper function number {}", *number),
                  "one of those in <bpf/bpf_helpers.h>");
    const Function* function = call.getCalledFunction();
    if (function == nullptr) return;
    if (function->getName() == "so_snapshot") {
        const auto* bytes = constant_argument(call, 3);
        if (bytes != nullptr && bytes->getZExtValue() > most_snapshot)
            add_error(findings, script_place(call), "snapshot-too-large",
                      fmt::format("a record's snapshots have at most {} bytes, and this one asks for {}",
                                  most_snapshot, bytes->getZExtValue()),
                      "only the part of it that matters");
    } else if (function->getName() == "so_defer") {
        const auto* microseconds = constant_argument(call, 1);
        if (microseconds != nullptr && microseconds->getZExtValue() > most_delay_us)
            add_error(
                findings, script_place(call), "delay-too-long",
                fmt::format("a follow-up comes after at most {} us (10 s), and this one is to wait {} us",
                            most_delay_us, microseconds->getZExtValue()),
                "at most 10000000 microseconds");
    }
}

void inspect_division(const llvm::Instruction& instruction, std::vector<Finding>& findings) {
    if (!instruction.isIntDivRem()) return;
    const auto* divisor = llvm::dyn_cast<llvm::ConstantInt>(instruction.getOperand(1));
    if (divisor != nullptr && divisor->isZero())
        add_error(findings, script_place(instruction), "division-by-zero", "this divides by zero",
                  "a divisor that is not 0");
}

void inspect_loops(const Function& function, std::vector<Finding>& findings) {
    // LoopInfo asks for a function that it may change, and changes nothing.
    const llvm::DominatorTree dominators(const_cast<Function&>(function)); // NOLINT(*-const-cast)
    const llvm::LoopInfo loops(dominators);
    for (const llvm::Loop* loop : loops.getLoopsInPreorder())
        if (loop->hasNoExitBlocks())
            add_error(findings, script_place(*loop), "endless-loop", "this loop has no way out",
                      "a loop that ends after a fixed number of turns: for (int i = 0; i < 16; i++)");
}

} // namespace

void inspect_source(const llvm::Module& module, std::vector<Finding>& findings) {
    if (!has_hit_program(module))
        findings.push_back({Finding::Severity::Error, 0, "nothing-to-run",
                            "the script has nothing that could run at a hit",
                            "on_hit(h) { return keep; }, or a function marked SEC(\"perf_event\")"});
    inspect_maps(module, findings);
    inspect_fields(module, findings);
    inspect_undefined(module, findings);
    inspect_assembly(module, findings);
    for (const Function& function : module) {
        if (function.isDeclaration()) continue;
        for (const llvm::Instruction& instruction : llvm::instructions(function)) {
            inspect_division(instruction, findings);
            if (const auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction))
                inspect_call(*call, findings);
        }
        inspect_loops(function, findings);
    }
    for (const Function* function : reached_in_hit(module))
        for (const llvm::Instruction& instruction : llvm::instructions(*function))
            if (const auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction))
                inspect_hit_call(*call, findings);
}

} // namespace stakeout
