// Everything that is known about a guest's kernel: found once, when the bridge looks at a guest for the first
// time.
#pragma once

#include "base/result.h"
#include "watchpoints/target/kernel_symbols.h"
#include "watchpoints/target/kernel_types.h"
#include "xen-bridge/guest/guest_memory.h"
#include "xen-bridge/guest/guest_types.h"
#include "xen-bridge/guest/kernel_layout.h"
#include "xen-bridge/guest/kernel_place.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

struct GuestKernelQuestion {
    std::vector<KernelHint> hints; // needed with a file only
    std::string symbols_file;      // System.map or vmlinux; empty: the guest's own tables
    std::string types_file; // empty: the symbols file if it is a vmlinux with BTF, else the guest's memory
};

class GuestKernel {
  public:
    // `memory` must have the kernel's page tables (tables_with_kernel()); it is only used during the call.
    // Error (CannotArm): no kernel is found, or the file is another kernel's. Missing types are no error.
    static Result<std::unique_ptr<GuestKernel>> find(GuestMemory& memory,
                                                     const GuestKernelQuestion& question);

    // At the addresses where the guest has them; with those of the modules that were loaded then, where
    // types() are known.
    [[nodiscard]] const KernelSymbols& symbols() const { return *symbols_; }
    [[nodiscard]] const std::string& symbols_from() const {
        return symbols_from_;
    } // "the guest's own tables", a path
    // How far KASLR moved the kernel from 0xffffffff81000000 (from the file, where there is one).
    [[nodiscard]] std::uint64_t offset() const { return offset_; }
    [[nodiscard]] std::size_t modules() const { return modules_; }      // whose symbols are known
    [[nodiscard]] const std::string& banner() const { return banner_; } // may be empty
    [[nodiscard]] std::string release() const { return release_of(banner_); }
    // Parts that the guest does not tell are 0: then their aliases are not found.
    [[nodiscard]] const GuestLayout& layout() const { return layout_; }
    // nullptr: not known, why_no_types() says why.
    [[nodiscard]] const KernelTypes* types() const { return types_.get(); }
    [[nodiscard]] const std::optional<Error>& why_no_types() const { return why_no_types_; }
    // Absent: why_no_tasks() says why.
    [[nodiscard]] const std::optional<TaskFinder>& tasks() const { return tasks_; }
    [[nodiscard]] const std::optional<Error>& why_no_tasks() const { return why_no_tasks_; }

  private:
    GuestKernel() = default;
    Status find_by_file(GuestMemory& memory, const GuestKernelQuestion& question);
    Status find_in_memory(GuestMemory& memory);
    void find_layout(GuestMemory& memory);
    void find_types(GuestMemory& memory, const GuestKernelQuestion& question);
    void find_modules(GuestMemory& memory);

    std::unique_ptr<KernelSymbols> symbols_;
    std::string symbols_from_;
    std::uint64_t offset_ = 0;
    std::size_t modules_ = 0;
    std::string banner_;
    GuestLayout layout_;
    std::unique_ptr<KernelTypes> types_;
    std::optional<Error> why_no_types_;
    std::optional<TaskFinder> tasks_;
    std::optional<Error> why_no_tasks_;
};

} // namespace stakeout
