// Reads the running kernel's memory, without /dev/mem or /proc/kcore, through a BPF program that never
// faults.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <memory>
#include <span>

namespace stakeout {

class KernelPeek {
  public:
    static Result<std::unique_ptr<KernelPeek>> load(); // Error: CannotArm
    ~KernelPeek();
    KernelPeek(const KernelPeek&) = delete;
    KernelPeek& operator=(const KernelPeek&) = delete;

    // All of `into` or nothing: false where any of the bytes is not mapped. Kernel addresses only.
    [[nodiscard]] bool read(std::uint64_t address, std::span<std::uint8_t> into) const;
    // A pointer-sized word.
    [[nodiscard]] bool read_word(std::uint64_t address, std::uint64_t& word) const;

  private:
    KernelPeek();
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace stakeout
