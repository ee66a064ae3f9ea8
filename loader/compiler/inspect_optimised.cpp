// The part of the inspector that looks at optimised IR, and what it makes of the code generator's objections.
#include "loader/compiler/helper_call.h"
#include "loader/compiler/inspector.h"
#include "loader/compiler/script_place.h"

#include <fmt/format.h>
#include <linux/bpf.h>
#include <llvm/Analysis/AssumptionCache.h>
#include <llvm/Analysis/CaptureTracking.h>
#include <llvm/Analysis/LazyValueInfo.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/ScalarEvolution.h>
#include <llvm/Analysis/TargetLibraryInfo.h>
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/DebugInfo.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>

#include <algorithm>
#include <set>
#include <tuple>

namespace stakeout {
namespace {

constexpr std::uint64_t stack_bytes = 512;         // the kernel's, MAX_BPF_STACK
constexpr std::uint64_t most_verified = 1'000'000; // instructions that the verifier follows
constexpr unsigned deepest = 16; // pointers read through pointers, when asking for the first

// One function as it will run, with the analyses that the rules ask.
class FunctionInspection {
  public:
    FunctionInspection(llvm::Function& function, std::vector<Finding>& findings)
        : function_(function), findings_(findings), dominators_(function), loops_(dominators_),
          assumptions_(function), library_info_(library_),
          scalars_(function, library_info_, assumptions_, dominators_, loops_),
          ranges_(&assumptions_, &function.getParent()->getDataLayout()) {}

    void run() {
        inspect_stack();
        for (const llvm::Loop* loop : loops_.getLoopsInPreorder()) inspect_loop(*loop);
        for (llvm::Instruction& instruction : llvm::instructions(function_)) {
            inspect_division(instruction);
            if (const llvm::Use* pointer = accessed(instruction)) inspect_access(instruction, *pointer);
            if (auto* step = llvm::dyn_cast<llvm::GetElementPtrInst>(&instruction)) inspect_index(*step);
        }
    }

  private:
    void add(Finding::Severity severity, const ScriptPlace& place, std::string rule, std::string text,
             std::string instead) {
        // What a header of ours does at that line is right; the line matters only to an error.
        if (!place || !place.other_file.empty() || (severity == Finding::Severity::Hint && place.in_header))
            return;
        findings_.push_back({severity, place.line, std::move(rule), std::move(text), std::move(instead)});
    }

    static const llvm::Use* accessed(const llvm::Instruction& instruction) {
        const unsigned code = instruction.getOpcode();
        if (code == llvm::Instruction::Store)
            return &instruction.getOperandUse(llvm::StoreInst::getPointerOperandIndex());
        const bool address_first = code == llvm::Instruction::Load || code == llvm::Instruction::AtomicRMW ||
                                   code == llvm::Instruction::AtomicCmpXchg;
        return address_first ? &instruction.getOperandUse(0) : nullptr;
    }

    void inspect_stack();
    void inspect_loop(const llvm::Loop& loop);
    void inspect_division(const llvm::Instruction& instruction);
    void inspect_access(const llvm::Instruction& instruction, const llvm::Use& pointer);
    void inspect_index(llvm::GetElementPtrInst& step);
    [[nodiscard]] bool is_checked(const llvm::Value& pointer, const llvm::Use& use) const;
    [[nodiscard]] bool may_be_null(const llvm::Value& base, const llvm::Use& use) const;
    [[nodiscard]] bool kernel_follows(const llvm::Value& pointer) const;

    llvm::Function& function_;
    std::vector<Finding>& findings_;
    llvm::DominatorTree dominators_;
    llvm::LoopInfo loops_;
    llvm::AssumptionCache assumptions_;
    llvm::TargetLibraryInfoImpl library_;
    llvm::TargetLibraryInfo library_info_;
    llvm::ScalarEvolution scalars_;
    llvm::LazyValueInfo ranges_;
};

// The variable that an alloca holds, and its line.
std::pair<std::string, ScriptPlace> variable_of(llvm::AllocaInst& room) {
    const llvm::DILocalVariable* variable = nullptr;
    const llvm::DILocation* location = nullptr;
    for (const llvm::DbgVariableRecord* record : llvm::findDVRDeclares(&room))
        variable = record->getVariable(), location = record->getDebugLoc().get();
    for (const llvm::DbgDeclareInst* record : llvm::findDbgDeclares(&room))
        variable = record->getVariable(), location = record->getDebugLoc().get();
    if (variable == nullptr) {
        llvm::SmallVector<llvm::DbgValueInst*, 1> instructions;
        llvm::SmallVector<llvm::DbgVariableRecord*, 1> records;
        llvm::findDbgValues(instructions, &room, &records);
        for (const llvm::DbgVariableRecord* record : records)
            variable = record->getVariable(), location = record->getDebugLoc().get();
    }
    if (variable == nullptr) return {};
    ScriptPlace place = script_place(variable->getFile(), variable->getLine());
    if (!place) place = script_place(location);
    return {variable->getName().str(), place};
}

void FunctionInspection::inspect_stack() {
    const llvm::DataLayout& layout = function_.getParent()->getDataLayout();
    std::uint64_t sum = 0;
    std::uint64_t largest = 0;
    llvm::AllocaInst* largest_room = nullptr;
    for (llvm::Instruction& instruction : llvm::instructions(function_)) {
        auto* room = llvm::dyn_cast<llvm::AllocaInst>(&instruction);
        if (room == nullptr) continue;
        const auto bytes = room->getAllocationSize(layout);
        if (!bytes) {
            add(Finding::Severity::Error, script_place(*room), "stack-too-large",
                "an array on the stack whose length is not known here", "a constant length");
            continue;
        }
        sum += bytes->getFixedValue();
        if (bytes->getFixedValue() > largest) {
            largest = bytes->getFixedValue();
            largest_room = room;
        }
    }
    if (sum <= stack_bytes || largest_room == nullptr) return;
    const auto [name, place] = variable_of(*largest_room);
    const std::string all = sum == largest ? std::string() : fmt::format(", and {} with all others", sum);
    // Variables of different blocks may share their room: together they are too large only if the generator
    // says so.
    add(largest > stack_bytes ? Finding::Severity::Error : Finding::Severity::Hint, place, "stack-too-large",
        fmt::format("`{}` takes {} bytes of the stack{}; a program has {}",
                    name.empty() ? "a variable" : name, largest, all, stack_bytes),
        "per_cpu(TYPE, NAME) for what is large");
}

void FunctionInspection::inspect_loop(const llvm::Loop& loop) {
    const ScriptPlace place = script_place(loop);
    if (loop.hasNoExitBlocks()) {
        add(Finding::Severity::Error, place, "endless-loop", "this loop has no way out",
            "a loop that ends after a fixed number of turns: for (int i = 0; i < 16; i++)");
        return;
    }
    const std::uint64_t turns = scalars_.getSmallConstantMaxTripCount(&loop);
    std::uint64_t instructions = 0;
    for (const llvm::BasicBlock* block : loop.blocks()) instructions += block->sizeWithoutDebug();
    if (turns == 0)
        add(Finding::Severity::Hint, place, "loop-without-bound",
            "nothing here says how often this loop turns",
            "a fixed bound beside the condition: for (int i = 0; i < 64 && more; i++)");
    else if (turns * instructions > most_verified)
        add(Finding::Severity::Hint, place, "long-loop",
            fmt::format("this loop turns up to {} times, and the verifier follows every turn", turns),
            "bpf_loop(TURNS, function, &context, 0), or fewer turns");
}

void FunctionInspection::inspect_division(const llvm::Instruction& instruction) {
    if (!instruction.isIntDivRem() || llvm::isa<llvm::Constant>(instruction.getOperand(1))) return;
    const bool is_signed = instruction.getOpcode() == llvm::Instruction::SDiv ||
                           instruction.getOpcode() == llvm::Instruction::SRem;
    if (is_signed) return; // the code generator's to refuse
    add(Finding::Severity::Hint, script_place(instruction), "divisor-may-be-zero",
        "the divisor may be zero; the result is then 0 (of %: the dividend), without a fault",
        "a test before it");
}

// Does every way to this use pass a test that `pointer` is not null?
bool FunctionInspection::is_checked(const llvm::Value& pointer, const llvm::Use& use) const {
    for (const llvm::User* user : pointer.users()) {
        const auto* test = llvm::dyn_cast<llvm::ICmpInst>(user);
        if (test == nullptr || !test->isEquality() ||
            !llvm::isa<llvm::ConstantPointerNull>(test->getOperand(1)))
            continue;
        for (const llvm::User* decision : test->users()) {
            const auto* branch = llvm::dyn_cast<llvm::BranchInst>(decision);
            // Several tests in one: taken for right.
            if (branch == nullptr) return true;
            const unsigned taken = test->getPredicate() == llvm::CmpInst::ICMP_NE ? 0 : 1;
            const llvm::BasicBlockEdge edge(branch->getParent(), branch->getSuccessor(taken));
            if (dominators_.dominates(edge, use)) return true;
        }
    }
    return false;
}

// Is what this use takes the answer of a lookup that nobody looked at?
bool FunctionInspection::may_be_null(const llvm::Value& base, const llvm::Use& use) const {
    if (const auto* meeting = llvm::dyn_cast<llvm::PHINode>(&base))
        return !is_checked(base, use) && llvm::any_of(meeting->incoming_values(), [&](const llvm::Use& one) {
            const auto* call = llvm::dyn_cast<llvm::CallBase>(one.get());
            return call != nullptr && may_be_null(*call, one);
        });
    const auto* call = llvm::dyn_cast<llvm::CallBase>(&base);
    const auto number = call != nullptr ? called_helper(*call) : std::nullopt;
    const bool looks_up =
        number && (*number == BPF_FUNC_map_lookup_elem || *number == BPF_FUNC_ringbuf_reserve ||
                   *number == BPF_FUNC_map_lookup_percpu_elem || *number == BPF_FUNC_task_storage_get);
    return looks_up && !is_checked(base, use);
}

// Pointers that the verifier knows by their kernel type, and follows from one to the next.
bool FunctionInspection::kernel_follows(const llvm::Value& pointer) const {
    const llvm::Value* root = llvm::getUnderlyingObject(&pointer, 0);
    for (unsigned depth = 0; depth < deepest; ++depth) {
        const auto* load = llvm::dyn_cast<llvm::LoadInst>(root);
        if (load == nullptr) break;
        root = llvm::getUnderlyingObject(load->getPointerOperand(), 0);
    }
    if (const auto* call = llvm::dyn_cast<llvm::CallBase>(root)) {
        const auto number = called_helper(*call);
        return !number || *number == BPF_FUNC_get_current_task_btf || *number == BPF_FUNC_task_pt_regs;
    }
    // A parameter of a function by itself, or of a tracing program: who knows.
    if (llvm::isa<llvm::Argument>(root))
        return function_.getSection() != "perf_event" && root != function_.getArg(0);
    if (const auto* room = llvm::dyn_cast<llvm::AllocaInst>(root))
        return !llvm::PointerMayBeCaptured(room, true, true);
    return !llvm::isa<llvm::GlobalVariable>(root) && !llvm::isa<llvm::IntToPtrInst>(root);
}

void FunctionInspection::inspect_access(const llvm::Instruction& instruction, const llvm::Use& pointer) {
    const llvm::Value* base = llvm::getUnderlyingObject(pointer.get(), 0);
    const ScriptPlace place = script_place(instruction);
    if (may_be_null(*base, pointer)) {
        add(Finding::Severity::Hint, place, "null-unchecked",
            "what was looked up may not be there, and is used without a test",
            "if (!p) return drop; before it");
    } else if ((llvm::isa<llvm::LoadInst>(base) || llvm::isa<llvm::IntToPtrInst>(base)) &&
               !kernel_follows(*base)) {
        add(Finding::Severity::Hint, place, "unchecked-pointer",
            "this follows a pointer that came from memory or a number, of which the verifier knows nothing",
            "BPF_CORE_READ(pointer, member), or bpf_probe_read_kernel(&copy, sizeof(copy), pointer)");
    }
}

// The index itself: the BPF back end hides some values from the optimiser behind a call that does nothing.
const llvm::Use* visible(const llvm::Use* use) {
    const auto* call = llvm::dyn_cast<llvm::CallInst>(use->get());
    const llvm::Function* function = call != nullptr ? call->getCalledFunction() : nullptr;
    if (function == nullptr || !function->getName().starts_with("llvm.bpf.passthrough")) return use;
    return &call->getArgOperandUse(1);
}

void FunctionInspection::inspect_index(llvm::GetElementPtrInst& step) {
    // [N x T] at a variable index, or bytes in an object of known size.
    std::uint64_t elements = 0;
    if (const auto* array = llvm::dyn_cast<llvm::ArrayType>(step.getSourceElementType())) {
        elements = array->getNumElements();
    } else if (const auto* room = llvm::dyn_cast<llvm::AllocaInst>(step.getPointerOperand())) {
        const llvm::DataLayout& layout = function_.getParent()->getDataLayout();
        const auto bytes = room->getAllocationSize(layout);
        const std::uint64_t each = layout.getTypeAllocSize(step.getSourceElementType());
        if (bytes && each != 0) elements = bytes->getFixedValue() / each;
    }
    if (elements == 0) return;
    const llvm::Use& index = *visible(&step.getOperandUse(step.getNumOperands() - 1));
    if (llvm::isa<llvm::Constant>(index.get())) return;
    const llvm::ConstantRange range = ranges_.getConstantRangeAtUse(index, true);
    const std::uint64_t highest = range.isFullSet() || range.isUpperSignWrapped()
                                      ? ~std::uint64_t{0}
                                      : range.getUnsignedMax().getLimitedValue();
    if (highest < elements) return;
    add(Finding::Severity::Hint, script_place(step), "index-without-bound",
        fmt::format("nothing here keeps this index below {}", elements),
        fmt::format("if (i < {}) around it{}", elements,
                    (elements & (elements - 1)) == 0 ? fmt::format(", or [i & {}]", elements - 1) : ""));
}

} // namespace

void inspect_optimised(llvm::Module& module, std::vector<Finding>& findings) {
    for (llvm::Function& function : module)
        if (!function.isDeclaration()) FunctionInspection(function, findings).run();
}

Finding explain_code_generator(int line, const std::string& message) {
    const auto says = [&](const char* words) { return message.find(words) != std::string::npos; };
    if (says("stack limit"))
        return {Finding::Severity::Error, line, "stack-too-large",
                "the variables of this program take more than the 512 bytes of its stack",
                "per_cpu(TYPE, NAME) for what is large"};
    if (says("signed division") || says("Signed division") || says("signed div"))
        return {Finding::Severity::Error, line, "signed-division", "BPF divides only numbers without a sign",
                "unsigned types, or a cast: (u64)a / (u64)b"};
    if (says("'memcpy'") || says("'memset'") || says("'memmove'"))
        return {Finding::Severity::Error, line, "library-call",
                "this copy or fill is too long, or its length is not known here: it would need a C library",
                "a constant length of at most 1024, or bpf_probe_read_kernel(to, length, from)"};
    // __adddf3, __floatundidf ...
    if (says("built-in function") && (says("df") || says("sf")))
        return {Finding::Severity::Error, line, "floating-point", "BPF has no floating-point numbers",
                "whole numbers, in thousandths if need be"};
    if (says("built-in function"))
        return {Finding::Severity::Error, line, "library-call",
                "this would need a function of a C library: " + message, ""};
    if (says("stack arguments") || says("too many arguments"))
        return {Finding::Severity::Error, line, "too-many-arguments",
                "a function has at most five parameters", "a struct for them, or static __always_inline"};
    return {Finding::Severity::Error, line, "code-generation", message, ""};
}

void tidy_findings(std::vector<Finding>& findings) {
    std::ranges::stable_sort(findings, [](const Finding& a, const Finding& b) {
        return std::tie(a.line, a.severity) < std::tie(b.line, b.severity);
    });
    const auto same = [](const Finding& a, const Finding& b) { return a.line == b.line && a.rule == b.rule; };
    const auto rest = std::ranges::unique(findings, same);
    findings.erase(rest.begin(), rest.end());
    // "Somewhere the stack is too large" says less than "`buffer`, line 12", which may have been only a hint
    // so far.
    std::set<std::string> vague;
    for (const Finding& finding : findings)
        if (finding.line == 0 && finding.severity == Finding::Severity::Error) vague.insert(finding.rule);
    for (Finding& finding : findings)
        if (finding.line != 0 && vague.contains(finding.rule)) finding.severity = Finding::Severity::Error;
    std::set<std::string> told;
    for (const Finding& finding : findings)
        if (finding.line != 0 && finding.severity == Finding::Severity::Error) told.insert(finding.rule);
    std::erase_if(findings,
                  [&](const Finding& finding) { return finding.line == 0 && told.contains(finding.rule); });
}

} // namespace stakeout
