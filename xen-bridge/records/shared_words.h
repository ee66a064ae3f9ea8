// Positions in memory that another side (Xen) reads and writes at the same time: each access is one whole
// load or store.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace stakeout {

class SharedWords {
  public:
    // `memory` must be aligned to 4 bytes.
    explicit SharedWords(std::span<std::uint8_t> memory) {
        void* const start = memory.data();
        words_ = {static_cast<std::uint32_t*>(start), memory.size() / sizeof(std::uint32_t)};
    }
    // What the other side wrote before this word is seen after this.
    [[nodiscard]] std::uint32_t load(std::size_t offset) const {
        return std::atomic_ref(words_[offset / sizeof(std::uint32_t)]).load(std::memory_order_acquire);
    }
    // The other side sees this word after all that was written before.
    void store(std::size_t offset, std::uint32_t value) const {
        std::atomic_ref(words_[offset / sizeof(std::uint32_t)]).store(value, std::memory_order_release);
    }

  private:
    std::span<std::uint32_t> words_;
};

} // namespace stakeout
