// The token table of a kernel's compressed symbol names, found and checked by its structure.
//
// scripts/kallsyms.c writes 256 zero-terminated tokens, one for each byte of a compressed name, and behind
// them the offset of each (u16). Characters that names use stand for themselves, so that "0", "1" ... "9" lie
// one behind the other in every kernel: that is what is searched for. The offsets then must lead to exactly
// the tokens that are there.
#pragma once

#include "watchpoints/hit/instruction.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

// A piece of the guest's memory, copied once, so that what was checked stays what it was. Unreadable pages
// are zeros.
class MemoryWindow {
  public:
    MemoryWindow(const CodeReader& memory, std::uint64_t start, std::uint64_t end);
    // Moves on to other memory, with the same room.
    void refill(const CodeReader& memory, std::uint64_t start, std::uint64_t end);

    [[nodiscard]] std::uint64_t start() const { return start_; }
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    [[nodiscard]] std::string_view text() const;
    // Little-endian number at an offset; 0 outside the window.
    template <class T>
    [[nodiscard]] T number(std::size_t at) const {
        T value{};
        if (at <= bytes_.size() && bytes_.size() - at >= sizeof(T))
            std::memcpy(&value, bytes_.data() + at, sizeof(T));
        return value;
    }
    [[nodiscard]] bool holds(std::size_t at, std::size_t count) const {
        return at <= bytes_.size() && bytes_.size() - at >= count;
    }

  private:
    std::uint64_t start_ = 0;
    std::vector<std::uint8_t> bytes_;
};

struct KallsymsTokens {
    std::size_t start = 0; // offset of the first token in the window
    std::size_t end = 0;   // behind the 256 offsets
    std::array<std::string, 256> tokens;

    // `digits`: offset in the window at which "0\0" "1\0" ... "9\0" begin. nullopt: no token table.
    static std::optional<KallsymsTokens> at_digits(const MemoryWindow& window, std::size_t digits);
};

// The first place in [start, end) where "0\0" ... "9\0" lie. nullopt: there is none.
std::optional<std::uint64_t> next_digits(const CodeReader& memory, std::uint64_t start, std::uint64_t end);

} // namespace stakeout
