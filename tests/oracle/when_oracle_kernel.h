// Kernel memory and program runs for when_oracle: predicates run as `syscall` programs, on a struct hit of
// our making.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"
#include "loader/predicate/predicate_code.h"
#include "loader/predicate/when_value.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace stakeout {

// One page of kernel memory that this process may write: an array map, mapped.
class KernelPage {
  public:
    static Result<std::unique_ptr<KernelPage>> make(std::size_t bytes);
    ~KernelPage();
    KernelPage(const KernelPage&) = delete;
    KernelPage& operator=(const KernelPage&) = delete;

    [[nodiscard]] int map_fd() const { return map_.get(); }
    [[nodiscard]] std::uint8_t* bytes() const { return window_; }
    [[nodiscard]] Result<std::uint64_t> address() const; // in the kernel

  private:
    KernelPage() = default;
    OwnedFd map_;
    std::uint8_t* window_ = nullptr;
    std::size_t mapped_ = 0;
};

struct OracleAnswer {
    std::uint32_t verdict = 0; // PredicateVerdict
    std::uint32_t reason = 0;  // enum so_drop; of drops
};

// A page for one hit.
Result<std::unique_ptr<KernelPage>> hit_page();
void put_hit(KernelPage& page, const WhenValues& values);
Result<OracleAnswer> run_predicate(int program, const KernelPage& page);

} // namespace stakeout
