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
    CodeRanges(std::shared_ptr<KernelSymbols> symbols, std::optional<int> pid)
        : symbols_(std::move(symbols)), pid_(pid) {}

    // NAME, MODULE:NAME (a kernel module, or with a process one of its files; "vmlinux:NAME" the kernel
    // itself). All functions of that name, with the parts that the compiler has split off. Error (Usage):
    // there is none, with near names.
    Result<std::vector<CodeRange>> find(std::string_view name);
    // Comma-separated names.
    Result<std::vector<CodeRange>> find_all(std::string_view names);

    // For others who need them; null as long as nobody did.
    [[nodiscard]] const std::shared_ptr<KernelSymbols>& symbols() const { return symbols_; }

  private:
    Result<const KernelSymbols*> kernel();

    std::shared_ptr<KernelSymbols> symbols_;
    std::optional<int> pid_;
};

} // namespace stakeout
