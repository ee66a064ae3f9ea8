// The debug registers' bits: Intel SDM volume 3, 18.2.
#include "xen-bridge/domain/vcpu.h"

namespace stakeout {
namespace {

constexpr std::uint64_t slot_bits(unsigned slot) {
    return (0x3ULL << (2 * slot)) | (0xfULL << (16 + 4 * slot));
}

constexpr std::uint64_t length_code(unsigned length) {
    switch (length) {
    case 2:
        return 1;
    case 8:
        return 2;
    case 4:
        return 3;
    default:
        return 0;
    }
}

} // namespace

void set_slot(DebugRegisters& registers, unsigned slot, std::uint64_t address, TrapOn on, unsigned length) {
    clear_slot(registers, slot);
    registers.address[slot] = address;
    const std::uint64_t kind = static_cast<std::uint64_t>(on) | (length_code(length) << 2);
    // The local enable bit: Xen refuses the global ones no less, but a guest's own breakpoints use those.
    registers.control |= (1ULL << (2 * slot)) | (kind << (16 + 4 * slot));
}

void clear_slot(DebugRegisters& registers, unsigned slot) {
    registers.address[slot] = 0;
    registers.control &= ~slot_bits(slot);
}

bool is_enabled(const DebugRegisters& registers, unsigned slot) {
    return (registers.control & (0x3ULL << (2 * slot))) != 0;
}

bool same_slot(const DebugRegisters& left, const DebugRegisters& right, unsigned slot) {
    return left.address[slot] == right.address[slot] &&
           (left.control & slot_bits(slot)) == (right.control & slot_bits(slot));
}

} // namespace stakeout
