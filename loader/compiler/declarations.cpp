#include "loader/compiler/declarations.h"

#include "bpf/record.h"
#include "loader/compiler/foreign_programs.h"
#include "loader/compiler/helper_rules.h"
#include "loader/compiler/script_place.h"

#include <fmt/format.h>
#include <linux/bpf.h>
#include <llvm/BinaryFormat/Dwarf.h>
#include <llvm/IR/InlineAsm.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>

#include <optional>

namespace stakeout {
namespace {

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;
constexpr std::uint64_t most_map_bytes = 64 * mib;     // ours: kernel memory that the watch would pin
constexpr std::uint64_t most_per_cpu_value = 32 * kib; // the kernel's, PCPU_MIN_UNIT_SIZE
constexpr std::uint64_t most_value = 4 * mib;          // the kernel's, KMALLOC_MAX_SIZE, less what it adds
constexpr std::uint64_t most_hash_key = 512;           // the kernel's, MAX_BPF_STACK
constexpr std::uint64_t most_fields = 256;             // SO_FIELDS_BYTES (bpf/stakeout.h)
constexpr std::uint64_t page = 4096;

// struct { __uint(type, N); __type(value, T); ... }: each member is a pointer, to int[N] or to T.
struct MapShape {
    std::uint64_t type = 0;
    std::uint64_t entries = 0;
    std::uint64_t key_bytes = 0;
    std::uint64_t value_bytes = 0;
};

const llvm::DIType* without_names(const llvm::DIType* type) {
    while (const auto* derived = llvm::dyn_cast_or_null<llvm::DIDerivedType>(type)) {
        if (derived->getTag() == llvm::dwarf::DW_TAG_pointer_type) break;
        type = derived->getBaseType();
    }
    return type;
}

const llvm::DIType* pointed_to(const llvm::DIType* type) {
    const auto* pointer = llvm::dyn_cast_or_null<llvm::DIDerivedType>(without_names(type));
    return pointer != nullptr ? without_names(pointer->getBaseType()) : nullptr;
}

std::uint64_t array_length(const llvm::DIType* type) {
    const auto* array = llvm::dyn_cast_or_null<llvm::DICompositeType>(type);
    if (array == nullptr || array->getElements().size() != 1) return 0;
    const auto* range = llvm::dyn_cast<llvm::DISubrange>(array->getElements()[0]);
    if (range == nullptr) return 0;
    const auto count = range->getCount();
    const auto* constant = llvm::dyn_cast_if_present<llvm::ConstantInt*>(count);
    return constant != nullptr ? constant->getZExtValue() : 0;
}

std::uint64_t type_bytes(const llvm::DIType* type) { return type != nullptr ? type->getSizeInBits() / 8 : 0; }

MapShape shape_of(const llvm::DICompositeType& definition) {
    MapShape shape;
    for (const llvm::DINode* node : definition.getElements()) {
        const auto* member = llvm::dyn_cast<llvm::DIDerivedType>(node);
        if (member == nullptr) continue;
        const llvm::DIType* target = pointed_to(member->getBaseType());
        const llvm::StringRef name = member->getName();
        if (name == "type")
            shape.type = array_length(target);
        else if (name == "max_entries")
            shape.entries = array_length(target);
        else if (name == "key_size")
            shape.key_bytes = array_length(target);
        else if (name == "value_size")
            shape.value_bytes = array_length(target);
        else if (name == "key")
            shape.key_bytes = type_bytes(target);
        else if (name == "value")
            shape.value_bytes = type_bytes(target);
    }
    return shape;
}

bool holds_values(std::uint64_t type) {
    switch (type) {
    case BPF_MAP_TYPE_HASH:
    case BPF_MAP_TYPE_ARRAY:
    case BPF_MAP_TYPE_PERCPU_HASH:
    case BPF_MAP_TYPE_PERCPU_ARRAY:
    case BPF_MAP_TYPE_LRU_HASH:
    case BPF_MAP_TYPE_LRU_PERCPU_HASH:
        return true;
    default:
        return false;
    }
}
bool is_per_cpu(std::uint64_t type) {
    return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
           type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}
bool is_array(std::uint64_t type) { return type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY; }

std::optional<Finding> judge_map(const std::string& name, const MapShape& map, int line) {
    const auto error = [&](std::string rule, std::string text, std::string instead) {
        return Finding{Finding::Severity::Error, line, std::move(rule), std::move(text), std::move(instead)};
    };
    if (map.type == BPF_MAP_TYPE_RINGBUF) {
        const bool power_of_two = map.entries != 0 && (map.entries & (map.entries - 1)) == 0;
        if (!power_of_two || map.entries % page != 0)
            return error("ring-size", fmt::format("the ring buffer `{}` has {} bytes", name, map.entries),
                         "a power of two, and a multiple of 4096");
        if (map.entries > most_map_bytes)
            return error("map-too-large",
                         fmt::format("the ring buffer `{}` takes {} MiB of kernel memory, more than 64", name,
                                     map.entries / mib),
                         "fewer bytes in max_entries");
        return std::nullopt;
    }
    if (!holds_values(map.type)) return std::nullopt;
    if (map.entries == 0)
        return error("map-without-entries", fmt::format("the map `{}` has no max_entries", name),
                     "__uint(max_entries, 1024)");
    if (map.value_bytes == 0)
        return error("map-without-value", fmt::format("the map `{}` has no value type", name),
                     "__type(value, u64)");
    if (is_per_cpu(map.type) && map.value_bytes > most_per_cpu_value)
        return error("value-too-large",
                     fmt::format("a value of the per-CPU map `{}` has {} bytes, more than the kernel's 32768",
                                 name, map.value_bytes),
                     "smaller values, or several entries for one");
    if (!is_array(map.type) && map.key_bytes > most_hash_key)
        return error("key-too-large",
                     fmt::format("a key of the map `{}` has {} bytes, more than the kernel's 512", name,
                                 map.key_bytes),
                     "a hash of what the key would be");
    const std::uint64_t bytes = (map.value_bytes + (is_array(map.type) ? 0 : map.key_bytes)) * map.entries;
    if (bytes > most_map_bytes)
        return error("map-too-large",
                     fmt::format("the map `{}` takes {} MiB of kernel memory{}, more than 64", name,
                                 bytes / mib, is_per_cpu(map.type) ? " for each CPU" : ""),
                     "fewer max_entries, or smaller values");
    if (!is_array(map.type) && map.value_bytes + map.key_bytes > most_value)
        return error("value-too-large",
                     fmt::format("a value of the map `{}` has {} bytes, more than the kernel's 4 MiB", name,
                                 map.value_bytes),
                     "smaller values, or several entries for one");
    return std::nullopt;
}

const llvm::DIGlobalVariable* described(const llvm::GlobalVariable& variable) {
    llvm::SmallVector<llvm::DIGlobalVariableExpression*, 1> expressions;
    variable.getDebugInfo(expressions);
    return expressions.empty() ? nullptr : expressions.front()->getVariable();
}

// Where a declared function is called first, in the user's text.
ScriptPlace first_use(const llvm::Value& value) {
    for (const llvm::User* user : value.users())
        if (const auto* instruction = llvm::dyn_cast<llvm::Instruction>(user))
            if (const ScriptPlace place = script_place(*instruction)) return place;
    return {};
}

} // namespace

void inspect_maps(const llvm::Module& module, std::vector<Finding>& findings) {
    for (const llvm::GlobalVariable& variable : module.globals()) {
        if (variable.getSection() != ".maps") continue;
        const llvm::DIGlobalVariable* text = described(variable);
        if (text == nullptr) continue;
        const ScriptPlace place = script_place(text->getFile(), text->getLine());
        const auto* definition =
            llvm::dyn_cast_or_null<llvm::DICompositeType>(without_names(text->getType()));
        if (!place || definition == nullptr) continue;
        if (auto finding = judge_map(variable.getName().str(), shape_of(*definition), place.line))
            findings.push_back(std::move(*finding));
    }
}

void inspect_fields(const llvm::Module& module, std::vector<Finding>& findings) {
    const llvm::GlobalVariable* holder = module.getNamedGlobal("so_fields_type");
    const llvm::DIGlobalVariable* text = holder != nullptr ? described(*holder) : nullptr;
    const llvm::DIType* fields = text != nullptr ? pointed_to(text->getType()) : nullptr;
    if (fields == nullptr || type_bytes(fields) <= most_fields) return;
    findings.push_back({Finding::Severity::Error, static_cast<int>(fields->getLine()), "fields-too-large",
                        fmt::format("struct fields has {} bytes, and a record has room for {}",
                                    type_bytes(fields), most_fields),
                        "keep what is large in a map, or take it with snapshot()"});
}

void inspect_undefined(const llvm::Module& module, std::vector<Finding>& findings) {
    const auto undefined = [&](const llvm::GlobalValue& value, const char* what) {
        const ScriptPlace place = first_use(value);
        const std::string name = value.getName().str();
        const std::string near = nearest_helper(name);
        findings.push_back({Finding::Severity::Error, place.line, "undefined",
                            fmt::format("the {} `{}` is declared and nowhere defined", what, name),
                            near.empty() ? "define it in the script, or mark it __ksym if it is the kernel's"
                                         : fmt::format("{}()", near)});
    };
    for (const llvm::Function& function : module)
        if (function.isDeclaration() && !function.isIntrinsic() && !function.use_empty() &&
            !function.getSection().starts_with(".ksyms") && !function.getName().starts_with("__bpf_") &&
            !function.getName().starts_with("llvm."))
            undefined(function, "function");
    for (const llvm::GlobalVariable& variable : module.globals())
        if (variable.isDeclaration() && !variable.use_empty() && !variable.hasSection() &&
            !variable.getName().starts_with("llvm."))
            undefined(variable, "variable");
}

void inspect_assembly(const llvm::Module& module, std::vector<Finding>& findings) {
    const auto look = [&](llvm::StringRef text, int line) {
        // Macros could put the names of the other two together.
        for (const char* directive : {".incbin", ".include", ".macro", ".irp", ".rept"})
            if (text.contains_insensitive(directive))
                findings.push_back({Finding::Severity::Error, line, "assembler-directive",
                                    fmt::format("{} in inline assembly is not for scripts", directive),
                                    "instructions only"});
    };
    look(module.getModuleInlineAsm(), 0);
    for (const llvm::Function& function : module)
        for (const llvm::Instruction& instruction : llvm::instructions(function))
            if (const auto* call = llvm::dyn_cast<llvm::CallBase>(&instruction))
                if (const auto* assembly = llvm::dyn_cast<llvm::InlineAsm>(call->getCalledOperand()))
                    look(assembly->getAsmString(), script_place(instruction).line);
}

} // namespace stakeout
