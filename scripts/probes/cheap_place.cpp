#include "scripts/probes/cheap_place.h"

#include <algorithm>
#include <array>
#include <initializer_list>

namespace stakeout {
namespace {

class Cursor {
  public:
    explicit Cursor(std::span<const std::uint8_t> code) : code_(code) {}

    [[nodiscard]] bool sees(std::initializer_list<std::uint8_t> bytes) const {
        return at_ + bytes.size() <= code_.size() &&
               std::equal(bytes.begin(), bytes.end(), code_.begin() + static_cast<std::ptrdiff_t>(at_));
    }
    bool skip(std::initializer_list<std::uint8_t> bytes, std::size_t operand = 0) {
        if (!sees(bytes) || at_ + bytes.size() + operand > code_.size()) return false;
        at_ += bytes.size() + operand;
        return true;
    }
    [[nodiscard]] bool at_push() const {
        const std::size_t prefix = sees({0x41}) ? 1 : 0; // r8 to r15
        return at_ + prefix < code_.size() && (code_[at_ + prefix] & 0xf8U) == 0x50U;
    }
    [[nodiscard]] std::size_t at() const { return at_; }

  private:
    std::span<const std::uint8_t> code_;
    std::size_t at_ = 0;
};

} // namespace

std::size_t cheap_place(std::span<const std::uint8_t> code) {
    Cursor cursor(code);
    std::size_t jump = 0;
    for (;;) {
        if (cursor.at_push() || cursor.sees({0x90})) return cursor.at();
        if (cursor.skip({0xf3, 0x0f, 0x1e, 0xfa})) continue; // endbr64
        if (cursor.skip({0x48, 0x83, 0xec}, 1)) continue;    // sub rsp, imm8
        if (cursor.skip({0x48, 0x8b, 0x05}, 4)) continue;    // mov rax, [rip+disp32]
        if (!cursor.skip({0x48, 0x85, 0xff})) return jump;   // test rdi, rdi; its je goes away with null:
        jump = cursor.at();                                  // that is emulated too, if nothing better
        if (cursor.skip({0x74}, 1) || cursor.skip({0x0f, 0x84}, 4)) continue; // follows
        return 0;
    }
}

} // namespace stakeout
