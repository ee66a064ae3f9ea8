// The running kernel's types, from BTF: struct layouts, per-CPU variables, and the walk along a typed path.
#pragma once

#include "base/result.h"
#include "watchpoints/target/expression.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

using TypeId = std::uint32_t;

// A place in memory with a type.
struct TypedPlace {
    std::uint64_t address = 0;
    TypeId type = 0;
    std::uint64_t size = 0; // bytes
    std::string type_name;  // "unsigned long"
    std::string note;       // "a bit-field: its word is watched"
    bool is_signed = false;
    std::uint32_t bit_offset = 0, bit_size = 0; // of a bit-field, in these bytes; else 0
};

struct PerCpuVariable {
    std::uint64_t offset = 0; // from the start of the per-CPU section
    TypeId type = 0;
};

class KernelTypes {
  public:
    // vmlinux's BTF, and with `module` that module's on top. Error (CannotArm): this kernel has none.
    static Result<std::unique_ptr<KernelTypes>> load(const std::string& module = {});
    // Another kernel's, from its raw BTF. Error (CannotArm): the bytes are no BTF.
    static Result<std::unique_ptr<KernelTypes>> parse(std::span<const std::uint8_t> bytes);
    ~KernelTypes();
    KernelTypes(const KernelTypes&) = delete;
    KernelTypes& operator=(const KernelTypes&) = delete;

    // "struct net", "union x", "enum y", "unsigned long", "u64", "struct page *".
    [[nodiscard]] Result<TypeId> find(std::string_view name) const;
    [[nodiscard]] std::optional<PerCpuVariable> per_cpu_variable(std::string_view name) const;
    [[nodiscard]] std::vector<std::string> per_cpu_names() const;

    // Reads a pointer in kernel memory; false: not mapped.
    using ReadWord = std::function<bool(std::uint64_t address, std::uint64_t& word)>;
    // From a place of type `type` along the path. `pointer_like`: the start stands for a pointer to it, so
    // that the first step may be an arrow (task(1)->x). Errors name the struct and its near fields; a NULL
    // pointer on the way.
    [[nodiscard]] Result<TypedPlace> walk(std::uint64_t address, TypeId type, bool pointer_like,
                                          std::span<const PathStep> path, const ReadWord& read) const;

  private:
    KernelTypes();
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace stakeout
