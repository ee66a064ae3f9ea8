// Functions by name -> ranges of text, for --only-from, --not-from and a script's function().
#pragma once

#include "base/result.h"
#include "loader/predicate/predicate_code.h"
#include "watchpoints/target/kernel_symbols.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

class CodeRanges {
  public:
    // `symbols` may be null: they are read when first needed. `pid`: functions of that process are meant too.
    CodeRanges(const KernelSymbols* symbols, std::optional<int> pid) : symbols_(symbols), pid_(pid) {}

    // NAME, MODULE:NAME (a kernel module, or with a process one of its files; "vmlinux:NAME" the kernel
    // itself). All functions of that name, with the parts that the compiler has split off. Error (Usage):
    // there is none, with near names.
    Result<std::vector<CodeRange>> find(std::string_view name);
    // Comma-separated names.
    Result<std::vector<CodeRange>> find_all(std::string_view names);

  private:
    Result<const KernelSymbols*> kernel();

    const KernelSymbols* symbols_;
    std::unique_ptr<KernelSymbols> loaded_;
    std::optional<int> pid_;
};

} // namespace stakeout
